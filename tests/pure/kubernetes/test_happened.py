"""What is counted when a Materialization's status is written."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from penstock_operator.kubernetes.happened import Happened, happened

FOUND = "2026-01-01T00:00:00Z"
JOB = {"status": {"runs": [{"run": "a-1", "finishedAt": FOUND}, {"run": "a-2", "finishedAt": FOUND}]}}
SINCE = datetime(2026, 1, 1, tzinfo=UTC)


def status(active: str | None, *runs: dict[str, Any], previous: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"runs": list(runs)}
    if active is not None:
        found["active"] = {"run": active}
    if previous is not None:
        found["previousRun"] = previous
    return found


def run(name: str, state: str = "Staged", **more: Any) -> dict[str, Any]:
    return {"run": name, "state": state, **more}


def test_a_first_run_is_promoted_and_its_time_counted() -> None:
    before, after = status(None, run("a-1")), status("a-1", run("a-1"))
    assert happened(before, after, JOB) == Happened(promoted=True, live_since=SINCE)
    assert happened(before, after, None) == Happened(promoted=True)
    assert happened(after, after, JOB) == Happened()


def test_going_back_is_a_rollback_and_forth_again_no_first_time() -> None:
    runs = (run("a-1"), run("a-2"))
    second, first = status("a-2", *runs, previous="a-1"), status("a-1", *runs, previous="a-2")
    assert happened(second, first, JOB) == Happened(rolled_back=True)
    assert happened(first, second, JOB) == Happened(promoted=True)


def test_a_gate_that_fails_counts_once_for_each_staging() -> None:
    gates = [{"name": "enough", "passed": False}]
    before = status(None, run("a-1", "Staging", tries=1))
    after = status(None, run("a-1", "Rejected", tries=1, gates=gates))
    again = status(None, *after["runs"], run("a-1", "Rejected", tries=1, revision=1, gates=gates))
    assert happened(before, after, JOB) == Happened(gate_failures=1)
    assert happened(after, after, JOB) == Happened()
    assert happened(after, again, JOB) == Happened(gate_failures=1)
    unfit = status(None, run("a-1", "Rejected", tries=1, gates=[{"name": "enough", "passed": True}]))
    assert happened(before, unfit, JOB) == Happened()
