"""Conditions by the Kubernetes API conventions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from penstock.api.stores import StoreReason
from penstock_operator.loop.conditions import Truth, is_true, with_condition

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_the_transition_time_moves_only_when_the_status_does() -> None:
    def ready(conditions: list, truth: Truth, reason: StoreReason, seconds: int) -> list:  # type: ignore[type-arg]
        now = NOW + timedelta(seconds=seconds)
        return with_condition(conditions, "Ready", truth, reason, "", generation=seconds, now=now)

    first = ready([], "False", StoreReason.UNREACHABLE, 0)
    second = ready(first, "False", StoreReason.INVALID_CONFIG, 1)
    third = ready(second, "True", StoreReason.READY, 2)
    assert [c[0].last_transition_time for c in (first, second, third)] == [NOW, NOW, NOW + timedelta(seconds=2)]
    assert len(third) == 1
    assert is_true(third, "Ready", generation=2)
    assert not is_true(third, "Ready", generation=3)
