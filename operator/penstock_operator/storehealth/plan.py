"""From what a store answered to its condition. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from penstock.api.meta import Condition, ObjectMeta
from penstock.api.stores import StoreReason
from penstock_operator.loop.conditions import Truth, with_condition

HEALTHY_SECONDS = 30.0
SICK_SECONDS = 3.0
DELETION_SECONDS = 60


@dataclass(frozen=True)
class Observed:
    """What a store answered."""

    reason: StoreReason
    message: str
    version: str | None = None
    users: tuple[str, ...] = ()
    """What still needs it."""


@dataclass(frozen=True)
class Decision:
    """What a pass over a store came to."""

    conditions: list[Condition]
    after: float | None = None
    finalized: bool = False


def decide(meta: ObjectMeta, conditions: list[Condition], seen: Observed, now: datetime) -> Decision:
    """Show health; when deleted, wait a bounded time for what needs the store to clean up through it."""
    reason, message, after = seen.reason, seen.message, HEALTHY_SECONDS
    if meta.deletion_timestamp is not None:
        if not seen.users or now >= meta.deletion_timestamp + timedelta(seconds=DELETION_SECONDS):
            return Decision(conditions, finalized=True)
        reason, message, after = StoreReason.IN_USE, f"Waiting for {', '.join(seen.users)} to go", 1.0
    elif reason is not StoreReason.READY:
        after = SICK_SECONDS
    truth: Truth = "True" if reason is StoreReason.READY else "False"
    updated = with_condition(conditions, "Ready", truth, reason, message, generation=meta.generation, now=now)
    return Decision(updated, after)
