"""What is not known of a part of the world, and why: a plan goes on without it."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

from penstock.secrets import MissingSecret
from penstock_operator.ports import ClusterUnreachable, Refused, Unreachable

T = TypeVar("T")


@dataclass(frozen=True)
class Away:
    """A part that did not answer, or refused to."""

    cause: str


async def or_away(call: Awaitable[T]) -> T | Away:
    """What a part of the world says, or that it is away.

    Raises:
        ClusterUnreachable: the Kubernetes API itself is away, without which nothing can be decided.
    """
    try:
        return await call
    except ClusterUnreachable:
        raise
    except (Unreachable, Refused, MissingSecret) as error:
        return Away(str(error))
