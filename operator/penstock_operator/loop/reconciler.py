"""What a kind must bring to be reconciled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol, TypeVar

from penstock.api import Resource
from penstock.api.meta import Status
from penstock_operator.loop.known import Known
from penstock_operator.ports import Object


class Key(NamedTuple):
    """Which object."""

    kind: str
    namespace: str
    name: str

    @classmethod
    def of(cls, obj: Object) -> Key:
        """The key of an object on the wire."""
        meta = obj["metadata"]
        return cls(obj["kind"], meta.get("namespace", ""), meta["name"])


Failed = Sequence[tuple[Any, Exception]]
"""The actions of a clean-up that failed, and why."""


def trouble(failed: Failed) -> str:
    """What a clean-up failed with, in one text."""
    return "; ".join(dict.fromkeys(str(error) or type(error).__name__ for _, error in failed))


@dataclass(frozen=True)
class Plan:
    """What follows from what was observed.

    An action may only be planned once its intent stands in the status that was read: the status is written after the
    actions, so whatever an action does that must be known after a crash has to be there before it.
    """

    status: Status
    actions: Sequence[Any] = ()
    requeue_after: float | None = None
    """Seconds until the next look, whatever happens; None: only when something changes."""
    finalized: bool = False
    """Whether the clean-up of a deleted object is done."""
    notes: Sequence[str] = field(default=())
    """Warnings worth an event."""
    cleanup: Sequence[Any] = ()
    """Actions that remove what nobody needs any more, after the others: one that fails ends neither the pass nor the
    rest of them, and holds back no status."""
    settle: Callable[[Failed], str] = trouble
    """Notes in the status what became of the clean-up; returns what is still to be tried again, and why, or nothing."""


Related = Callable[[Object, Known], Iterable[Key]]
"""(changed object, the known objects) to the keys that must look again."""

K = TypeVar("K", bound=Resource)
Seen = TypeVar("Seen")


class Reconciler(Protocol[K, Seen]):
    """One kind's observe, plan and converge."""

    kind: type[K]
    related: Mapping[str, Related]
    """For each other kind whose changes matter: which objects of this kind they concern."""

    async def observe(self, obj: K) -> Seen:
        """Gather what is; reads only."""

    def plan(self, obj: K, observed: Seen, now: datetime) -> Plan:
        """Decide; pure."""

    async def converge(self, obj: K, action: Any) -> None:
        """Perform one action, idempotently."""
