"""A control plane that dies before or after any of its effects comes to the same end: one submission an attempt."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from training_plane import JOB, START, Fuse, Killed, Plane, RayStandIn
from training_plane import FusedStore as Store

from penstock.api.trainingjob import TrainingJob
from penstock_operator.loop.reconcile import reconcile


async def live(path: Path, ray: RayStandIn, fuse: Fuse) -> int:
    """Run the control plane to the end of the job, restarting it after each kill; the number of effects."""
    now = START
    ray.fuse = fuse
    for _ in range(60):
        plane = Plane(path, ray)
        plane.store.fuse = fuse
        try:
            requeue = await reconcile(plane.cluster, plane.kinds["TrainingJob"], JOB, lambda now=now: now)
        except Killed:
            requeue = 0
        finally:
            plane.store.close()
        if requeue is None:
            break
        now += timedelta(seconds=max(requeue, 1))
    return fuse.count


def arrange(path: Path, failures: int) -> RayStandIn:
    plane = Plane(path)
    plane.ray.failures = failures
    plane.job(retry={"limit": 1})
    plane.store.close()
    return plane.ray


def end(path: Path) -> dict[str, Any]:
    store = Store(path / "state.db")
    job = TrainingJob.model_validate(store.get(*JOB))
    runs = [run["spec"]["attempt"] for run in store.list("TrainingRun")]
    store.close()
    return {
        "attempts": [(a.number, a.state, a.reason, a.retry) for a in job.status.attempts],
        "runs": runs,
        "conditions": [(c.type, c.status, c.reason) for c in job.status.conditions],
    }


@pytest.mark.parametrize("failures", [0, 1, 2])
def test_the_end_is_the_same_wherever_the_control_plane_dies(tmp_path: Path, failures: int) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    ray = arrange(whole, failures)
    effects = asyncio.run(live(whole, ray, Fuse(at=0, after=False)))
    expected = end(whole)
    attempts = len(expected["attempts"])
    assert effects >= 4
    assert expected["runs"] == ([] if failures == 2 else [failures + 1])
    for at in range(1, effects + 1):
        for after in (False, True):
            path = tmp_path / f"{at}-{after}"
            path.mkdir()
            ray = arrange(path, failures)
            asyncio.run(live(path, ray, Fuse(at, after)))
            assert end(path) == expected, (at, after)
            assert len(ray.accepted) == len(set(ray.accepted)) == attempts, (at, after)
