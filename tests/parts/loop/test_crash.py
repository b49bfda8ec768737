"""A control plane that dies before or after any of its effects comes to the same end: one submission an attempt."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fuse import Fuse, Killed
from training_plane import JOB, START, Plane, RayStandIn
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


async def test_what_was_submitted_before_a_crash_and_deleted_by_hand_is_not_submitted_again(tmp_path: Path) -> None:
    """On KubeRay, where anybody may delete a RayJob while no operator looks."""
    whole = tmp_path / "whole"
    whole.mkdir()
    plane = Plane(whole, on_kuberay=True)
    plane.job(retry={"limit": 0})
    await plane.settle()
    assert [run["spec"]["attempt"] for run in plane.runs()] == [1]
    plane.store.close()
    for at in range(1, plane.store.fuse.count + plane.ray.fuse.count + 1):
        for after in (False, True):
            path = tmp_path / f"{at}-{after}"
            path.mkdir()
            first = Plane(path, on_kuberay=True)
            first.job(retry={"limit": 0})
            first.store.fuse = first.ray.fuse = Fuse(at, after)
            with suppress(Killed):
                await first.settle()
            first.store.close()
            ray = first.ray
            ray.deleted += ray.accepted
            second = Plane(path, ray, on_kuberay=True)
            second.now = second.since = first.now + timedelta(seconds=1)
            await second.settle()
            assert len(ray.accepted) == len(set(ray.accepted)), (at, after)
            job = TrainingJob.model_validate(second.store.get(*JOB))
            # A run that began is gone with its RayJob, and was the only one allowed; else there is one now.
            lost = [one.reason for one in job.status.attempts if one.submitted and one.state == "Failed"]
            assert len(second.runs()) == (0 if lost else 1), (at, after)
            second.store.close()
