"""What a kind must bring to be reconciled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from penstock.api import Resource
from penstock_operator.loop.index import ObjectIndex
from penstock_operator.loop.key import Key
from penstock_operator.loop.plan import Plan
from penstock_operator.ports import Object

K = TypeVar("K", bound=Resource)
K_in = TypeVar("K_in", bound=Resource, contravariant=True)
Seen = TypeVar("Seen")
Seen_in = TypeVar("Seen_in", contravariant=True)
Action = TypeVar("Action")
Action_out = TypeVar("Action_out", covariant=True)

Related = Callable[[Object, ObjectIndex], Iterable[Key]]
"""(changed object, the objects as they were last seen) to the keys that must look again."""


class Decide(Protocol[K_in, Seen_in, Action_out]):
    """The pure part of a reconciler."""

    def __call__(self, obj: K_in, seen: Seen_in, now: datetime, since: datetime, /) -> Plan[Action_out]:
        """What to do next.

        Args:
            obj: as it was read.
            seen: what was observed around it.
            now: the time.
            since: from when on this process has looked at its objects. A bound after which something is given up is
                counted from no earlier time: what passed while nobody looked is no patience.
        """


@dataclass(frozen=True)
class Kind(Generic[K, Seen, Action]):
    """One kind's observe, plan and converge."""

    model: type[K]
    observe: Callable[[K], Awaitable[Seen]]
    """Gathers what is; reads only."""
    plan: Decide[K, Seen, Action]
    converge: Callable[[K, Action], Awaitable[None]]
    """Performs one action, idempotently."""
    related: Mapping[str, Related] = field(default_factory=dict)
    """For each other kind whose changes matter: which objects of this kind they concern."""

    @property
    def name(self) -> str:
        """The kind as objects name it."""
        return self.model.__name__


AnyKind = Kind[Any, Any, Any]
