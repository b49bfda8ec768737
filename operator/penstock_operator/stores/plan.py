"""From what a store answered to its condition. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from penstock.api.meta import Condition, ObjectMeta
from penstock.api.stores import StoreReason
from penstock_operator.loop.conditions import Truth, with_condition

HEALTHY_SECONDS = 30.0
SICK_SECONDS = 3.0
USED_SECONDS = 5.0


@dataclass(frozen=True)
class Observed:
    """What a store answered."""

    reason: StoreReason
    message: str
    version: str | None = None
    users: tuple[str, ...] = ()
    """What still needs it."""


@dataclass(frozen=True)
class Remove:
    """Remove what goes with the store."""

    what: str

    def __str__(self) -> str:
        """What is removed."""
        return self.what


@dataclass(frozen=True)
class Decision:
    """What a pass over a store came to."""

    conditions: list[Condition]
    after: float | None = None
    finalized: bool = False
    cleanup: tuple[Remove, ...] = ()
    notes: tuple[str, ...] = ()


def decide(meta: ObjectMeta, possession: str, conditions: list[Condition], seen: Observed, now: datetime) -> Decision:
    """Show health; when deleted, wait for what needs the store, then remove what goes with it.

    There is no bound to the wait: a user that stays may use the store, and one that goes cleans up through it, and
    gives up by itself and says so where it cannot.
    """
    reason, message, after = seen.reason, seen.message, HEALTHY_SECONDS
    if meta.deletion_timestamp is not None:
        if not seen.users:
            return _deletion(possession, conditions, seen)
        reason, message, after = StoreReason.IN_USE, f"Waiting for {', '.join(seen.users)} to go", USED_SECONDS
    elif reason is not StoreReason.READY:
        after = SICK_SECONDS
    truth: Truth = "True" if reason is StoreReason.READY else "False"
    updated = with_condition(conditions, "Ready", truth, reason, message, generation=meta.generation, now=now)
    return Decision(updated, after)


def _deletion(possession: str, conditions: list[Condition], seen: Observed) -> Decision:
    if not possession:
        return Decision(conditions, finalized=True)
    if seen.reason is StoreReason.INVALID_CONFIG:
        # It will not be taken the next time either; often it never was, and there is nothing.
        return Decision(conditions, finalized=True, notes=(f"{possession} may stay behind: {seen.message}",))
    return Decision(conditions, finalized=True, cleanup=(Remove(possession),))
