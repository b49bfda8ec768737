"""Progress: a loss that diverged takes nothing else with it."""

from __future__ import annotations

from pathlib import Path

from penstock.rundir.progress import read_progress, write_progress


def test_a_metric_that_is_not_finite_is_left_out(tmp_path: Path) -> None:
    write_progress(str(tmp_path), 3, 10, {"loss": float("nan"), "bound": float("inf"), "accuracy": 0.5})
    found = read_progress(str(tmp_path))
    assert found is not None
    assert (found.step, found.total, found.metrics) == (3, 10, {"accuracy": 0.5})
