"""What is counted when the status of a Materialization or of a StagedRun is written."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from penstock_operator.kubernetes.transitions import Transition, transition


def trained(day: int) -> datetime:
    return datetime(2026, 1, day, tzinfo=UTC)


def pointer(active: int | None, previous: int | None = None, staged: str = "first") -> dict[str, Any]:
    """The status that serves the run of a day."""
    found: dict[str, Any] = {}
    if active is not None:
        ref = {"name": f"digits-r-{active}", "uid": staged}
        found["active"] = {"run": f"r-{active}", "trainedAt": f"2026-01-0{active}T00:00:00Z", "stagedRunRef": ref}
    if previous is not None:
        found["previous"] = {"run": f"r-{previous}"}
    return found


def refused(reason: str, type_: str = "Ready") -> dict[str, Any]:
    return {"conditions": [{"type": "Loaded", "reason": "Done"}, {"type": type_, "reason": reason}]}


@pytest.mark.parametrize(
    ("before", "after", "counted"),
    [
        (pointer(None), pointer(1), Transition(promoted=True, live_since=trained(1))),
        (pointer(1), pointer(2, 1), Transition(promoted=True, live_since=trained(2))),
        (pointer(2, 1), pointer(1, 2), Transition(rolled_back=True)),
        # Forth again is no first time.
        (pointer(1, 2), pointer(2, 1), Transition(promoted=True)),
        (pointer(1, 2), pointer(3, 1), Transition(promoted=True, live_since=trained(3))),
        # Its data was lost, or its gates changed: the same run, from another StagedRun.
        (pointer(2, 1), pointer(2, 1, "second"), Transition()),
        (pointer(2, 1), pointer(2, 1), Transition()),
        (pointer(2, 1), pointer(None), Transition()),
        (pointer(None), pointer(None), Transition()),
    ],
)
def test_moves_of_the_pointer(before: dict[str, Any], after: dict[str, Any], counted: Transition) -> None:
    assert transition("Materialization", before, after) == counted


@pytest.mark.parametrize(
    ("before", "after", "failed"),
    [
        ({}, refused("GateFailed"), True),
        (refused("Staging"), refused("GateFailed"), True),
        (refused("GateFailed"), refused("GateFailed"), False),
        (refused("Staging"), refused("InvalidOutput"), False),
        (refused("Staging"), refused("GateFailed", "GatesPassed"), False),
    ],
)
def test_a_gate_that_fails_counts_once_for_each_staging(
    before: dict[str, Any], after: dict[str, Any], failed: bool
) -> None:
    assert transition("StagedRun", before, after) == Transition(gate_failed=failed)


def test_nothing_is_counted_of_another_kind() -> None:
    assert transition("TrainingJob", pointer(None), pointer(1)) == Transition()
