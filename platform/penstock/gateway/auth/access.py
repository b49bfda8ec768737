"""What the gateway wants to know of a caller, however it is found out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

Key = tuple[str, str]
"""Namespace and name of a Materialization."""


@dataclass(frozen=True)
class Caller:
    """Who asks, as the Kubernetes API or a key file names them."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()


class Access(Protocol):
    """Says who a caller is, and what they may query."""

    async def caller(self, token: str) -> Caller | None:
        """Who bears the token; None where it is nobody's.

        Raises:
            Unavailable: it cannot be found out now.
        """

    async def allowed(self, caller: Caller, namespace: str, name: str) -> bool:
        """Whether the caller may query a Materialization.

        Raises:
            Unavailable: it cannot be found out now.
        """

    async def visible(self, caller: Caller, keys: Sequence[Key]) -> list[Key]:
        """Those of these Materializations that the caller may query.

        Raises:
            Unavailable: it cannot be found out now.
        """

    def lacking(self, caller: Caller, namespace: str, name: str) -> str:
        """What the caller lacks to query a Materialization, and what would grant it."""
