"""Conditions by the Kubernetes API conventions, set in one place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal

from penstock.api.meta import Condition, Reason, StalledReason
from penstock.wiresize import shortened

Truth = Literal["True", "False", "Unknown"]
MESSAGE_BYTES = 9_000
"""A longer message is cut: an object with a few of them must still fit into etcd."""


def find(conditions: Iterable[Condition], type_: str) -> Condition | None:
    """The condition of this type, or None."""
    return next((condition for condition in conditions if condition.type == type_), None)


def is_true(conditions: Iterable[Condition], type_: str, generation: int | None = None) -> bool:
    """Whether the condition is True, and speaks of the generation where one is given."""
    condition = find(conditions, type_)
    if condition is None or condition.status != "True":
        return False
    return generation is None or condition.observed_generation == generation


def stalled(conditions: Sequence[Condition], message: str | None, *, generation: int, now: datetime) -> list[Condition]:
    """The list with the condition Stalled, or without it where there is no message: it is there while it is True."""
    if message is None:
        return [one for one in conditions if one.type != "Stalled"]
    return with_condition(conditions, "Stalled", "True", StalledReason.FAILED, message, generation=generation, now=now)


def with_condition(
    conditions: Sequence[Condition],
    type_: str,
    status: Truth,
    reason: Reason,
    message: str,
    *,
    generation: int,
    now: datetime,
) -> list[Condition]:
    """The list with one condition set; the transition time moves only when the status does."""
    before = find(conditions, type_)
    since = before.last_transition_time if before is not None and before.status == status else now
    condition = Condition(
        type=type_,
        status=status,
        reason=str(reason),
        message=shortened(message, MESSAGE_BYTES),
        observed_generation=generation,
        last_transition_time=since,
    )
    if before is None:
        return [*conditions, condition]
    return [condition if existing.type == type_ else existing for existing in conditions]
