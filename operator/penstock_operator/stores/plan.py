"""From what a store answered to its condition. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from penstock.api.meta import Condition, ObjectMeta
from penstock.api.stores import StoreReason
from penstock_operator.loop.conditions import Truth, with_condition

HEALTHY_SECONDS = 30.0
SICK_SECONDS = 3.0
USED_SECONDS = 5.0
LEAVING_SECONDS = 180
"""After which users that are being deleted count no more: each of them has bounds of its own, which are shorter."""


@dataclass(frozen=True)
class Observed:
    """What a store answered."""

    reason: StoreReason
    message: str
    version: str | None = None
    users: tuple[str, ...] = ()
    """What still needs it."""
    leaving_since: datetime | None = None
    """When the last of its users was deleted, where all of them are being deleted."""


@dataclass(frozen=True)
class Decision:
    """What a pass over a store came to."""

    conditions: list[Condition]
    after: float | None = None
    finalized: bool = False


def decide(meta: ObjectMeta, conditions: list[Condition], seen: Observed, now: datetime) -> Decision:
    """Show health; when deleted, wait for what needs the store, or cleans up through it.

    One that is being deleted is waited for in bounded time; one that is not may use the store, which stays until then.
    """
    reason, message, after = seen.reason, seen.message, HEALTHY_SECONDS
    if meta.deletion_timestamp is not None:
        since = seen.leaving_since
        if not seen.users or (since is not None and now >= since + timedelta(seconds=LEAVING_SECONDS)):
            return Decision(conditions, finalized=True)
        reason, message = StoreReason.IN_USE, f"Waiting for {', '.join(seen.users)} to go"
        after = USED_SECONDS if since is None else 1.0
    elif reason is not StoreReason.READY:
        after = SICK_SECONDS
    truth: Truth = "True" if reason is StoreReason.READY else "False"
    updated = with_condition(conditions, "Ready", truth, reason, message, generation=meta.generation, now=now)
    return Decision(updated, after)
