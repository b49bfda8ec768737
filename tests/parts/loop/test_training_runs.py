"""Runs as objects: made once an attempt is whole, kept for whoever needs them, gone with their directory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from training_plane import JOB, Plane, RayStandIn

from penstock.api import FINALIZER
from penstock.api.trainingjob import RERUN_ANNOTATION
from penstock_operator.adapters.artifacts import FileArtifacts
from penstock_operator.local.apiserver.errors import NotFound
from penstock_operator.loop.finalizing import GIVE_UP_SECONDS
from penstock_operator.ports import Refused, Unreachable


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[Plane]:
    plane = Plane(tmp_path)
    yield plane
    plane.store.close()


def gone(plane: Plane, kind: str, name: str) -> bool:
    try:
        plane.store.get(kind, "default", name)
    except NotFound:
        return True
    return False


def verdict(plane: Plane) -> tuple[str, str]:
    (found,) = [one for one in plane.store.get(*JOB)["status"]["conditions"] if one["type"] == "Succeeded"]
    return found["status"], found["reason"]


async def rerun(plane: Plane, token: str) -> None:
    obj = plane.store.get(*JOB)
    plane.store.update({**obj, "metadata": {**obj["metadata"], "annotations": {RERUN_ANNOTATION: token}}})
    await plane.settle()


async def test_a_whole_attempt_leaves_an_object_that_says_what_it_is(plane: Plane) -> None:
    job = plane.job(deletionPolicy="Retain", params=[{"name": "epochs", "value": "3"}])
    await plane.settle()
    (run,) = plane.runs()
    assert run["metadata"]["labels"] == {
        "app.kubernetes.io/part-of": "penstock",
        "app.kubernetes.io/managed-by": "penstock",
        "penstock.dev/job": "digits",
    }
    assert run["metadata"]["finalizers"] == [FINALIZER]
    assert run["spec"]["trainingJobRef"] == {"name": "digits", "uid": job["metadata"]["uid"]}
    assert (run["spec"]["attempt"], run["spec"]["entrypoint"]) == (1, "train.py")
    assert run["spec"]["deletionPolicy"] == "Retain"
    assert (Path(run["spec"]["uri"]) / "manifest.json").is_file()
    assert plane.store.get(*JOB)["status"]["latestRun"] == run["metadata"]["name"]


async def test_a_life_takes_seven_writes_and_three_until_ray_has_it(plane: Plane) -> None:
    plane.job()
    plane.store.fuse.count = 0
    while not plane.ray.accepted:
        await plane.look()
    assert plane.store.fuse.count == 2
    await plane.settle()
    # Finalizer, intent, running, run, end; on KubeRay the RayJob and its wait come on top.
    assert plane.store.fuse.count == 5


async def test_the_history_limit_counts_objects_and_leaves_those_that_are_held(plane: Plane) -> None:
    plane.job(historyLimit=2)
    await plane.settle()
    plane.stage(plane.runs()[0])
    for token in ("2", "3", "4", "5"):
        await rerun(plane, token)
    assert [run["spec"]["attempt"] for run in plane.runs()] == [1, 4, 5]
    plane.store.delete("StagedRun", "default", "staged")
    await plane.settle()
    assert [run["spec"]["attempt"] for run in plane.runs()] == [4, 5]
    folders = sorted(one.name[-1] for one in (plane.folder / "artifacts/default/digits").iterdir())
    assert folders == ["4", "5"]


async def test_a_run_that_is_served_outlives_its_job(plane: Plane) -> None:
    plane.job()
    await plane.settle()
    await rerun(plane, "2")
    held, free = plane.runs()
    plane.stage(held, keptAs="Active")
    await plane.settle()
    assert plane.runs()[0]["status"]["servedBy"] == ["mat"]
    plane.store.delete(*JOB)
    await plane.settle()
    assert gone(plane, "TrainingJob", "digits")
    assert [run["metadata"]["name"] for run in plane.runs()] == [held["metadata"]["name"]]
    assert Path(held["spec"]["uri"]).is_dir()
    assert not Path(free["spec"]["uri"]).exists()
    plane.store.delete("StagedRun", "default", "staged")
    await plane.settle()
    assert plane.runs() == []
    assert not Path(held["spec"]["uri"]).exists()


async def test_a_successor_of_the_name_cannot_touch_what_was_retained(plane: Plane) -> None:
    plane.job(deletionPolicy="Retain")
    await plane.settle()
    (kept,) = plane.runs()
    plane.store.delete(*JOB)
    await plane.settle()
    plane.job(historyLimit=1)
    await plane.settle()
    await rerun(plane, "2")
    plane.store.delete(*JOB)
    await plane.settle()
    assert gone(plane, "TrainingJob", "digits")
    assert [run["metadata"]["uid"] for run in plane.runs()] == [kept["metadata"]["uid"]]
    assert (Path(kept["spec"]["uri"]) / "manifest.json").is_file()


async def test_a_policy_that_changes_in_the_last_moment_counts(plane: Plane) -> None:
    plane.job()
    await plane.settle()
    (run,) = plane.runs()
    plane.edit(deletionPolicy="Retain")
    plane.store.delete(*JOB)
    # The run looks first, and sees its job on its way out with a policy that it was not told.
    plane.kinds = dict(reversed(plane.kinds.items()))
    await plane.settle()
    assert gone(plane, "TrainingJob", "digits")
    assert [one["spec"]["deletionPolicy"] for one in plane.runs()] == ["Retain"]
    assert Path(run["spec"]["uri"]).is_dir()


async def test_deleting_a_run_that_is_held_waits_for_who_holds_it(plane: Plane) -> None:
    plane.job()
    await plane.settle()
    (run,) = plane.runs()
    plane.stage(run)
    plane.store.delete("TrainingRun", "default", run["metadata"]["name"])
    await plane.settle()
    (waiting,) = plane.runs()
    (ready,) = [one for one in waiting["status"]["conditions"] if one["type"] == "Ready"]
    assert (ready["status"], ready["reason"]) == ("False", "Held")
    plane.store.delete("StagedRun", "default", "staged")
    await plane.settle()
    assert (plane.runs(), Path(run["spec"]["uri"]).exists()) == ([], False)


async def test_a_name_that_another_has_is_told_and_nothing_of_it_is_touched(plane: Plane) -> None:
    job = plane.job()
    name = f"{job['metadata']['uid'][:8]}-1"
    other = plane.store.create(
        {
            "apiVersion": "penstock.dev/v1alpha1",
            "kind": "TrainingRun",
            "metadata": {"name": name, "namespace": "default", "finalizers": [FINALIZER]},
            "spec": {
                "trainingJobRef": {"name": "other", "uid": "o-1"},
                "attempt": 1,
                "uri": str(plane.folder / "elsewhere"),
                "manifestDigest": "sha256:0",
                "createdAt": "2026-01-01T00:00:00Z",
                "entrypoint": "train.py",
                "deletionPolicy": "Retain",
            },
        }
    )
    with pytest.raises(Refused, match="of TrainingJob 'other'"):
        await plane.settle()
    (reconciled,) = [one for one in plane.store.get(*JOB)["status"]["conditions"] if one["type"] == "Reconciled"]
    assert (reconciled["status"], reconciled["reason"]) == ("False", "Refused")
    assert verdict(plane)[0] == "Unknown"
    assert plane.store.get("TrainingRun", "default", name)["spec"] == other["spec"]


class AwayArtifacts(FileArtifacts):
    """A store that does not answer for as long as it is told to be away."""

    away = False

    async def _in_thread(self, work: Any) -> Any:
        if self.away:
            raise Unreachable("The artifact store did not answer")
        return await super()._in_thread(work)


async def test_a_run_whose_directory_cannot_be_removed_goes_in_bounded_time_and_names_it(tmp_path: Path) -> None:
    artifacts = AwayArtifacts()
    plane = Plane(tmp_path, artifacts=artifacts)
    plane.job()
    await plane.settle()
    (run,) = plane.runs()
    artifacts.away = True
    plane.store.delete("TrainingRun", "default", run["metadata"]["name"])
    deleted = plane.runs()[0]["metadata"]["deletionTimestamp"]
    plane.now = max(plane.now, datetime.fromisoformat(deleted))
    await plane.look()
    assert plane.runs()
    plane.now += timedelta(seconds=GIVE_UP_SECONDS + 1)
    await plane.look()
    assert plane.runs() == []
    left = [event["message"] for event in plane.store.list("Event") if event["reason"] == "LeftBehind"]
    assert len(left) == 1
    assert run["spec"]["uri"] in left[0]
    plane.store.close()


async def test_an_artifact_store_that_is_away_holds_back_no_stop(tmp_path: Path) -> None:
    artifacts = AwayArtifacts()
    plane = Plane(tmp_path, RayStandIn(str(tmp_path / "artifacts"), hangs=True), artifacts)
    plane.job()
    while not plane.ray.looks:
        await plane.look()
    artifacts.away = True
    plane.edit(suspend=True)
    await plane.settle()
    assert plane.ray.stopped
    assert verdict(plane) == ("Unknown", "Suspended")
    plane.store.close()


async def test_a_deleted_job_is_let_go_by_no_store_that_is_away_before_what_runs_is_stopped(tmp_path: Path) -> None:
    artifacts = AwayArtifacts()
    plane = Plane(tmp_path, RayStandIn(str(tmp_path / "artifacts"), hangs=True), artifacts)
    plane.job()
    while not plane.ray.looks:
        await plane.look()
    artifacts.away = True
    plane.store.delete(*JOB)
    deleted = datetime.fromisoformat(plane.store.get(*JOB)["metadata"]["deletionTimestamp"])
    # It is seen for the first time when every patience is long over.
    plane.now = plane.since = max(plane.now, deleted) + timedelta(days=1)
    await plane.look()
    assert plane.ray.stopped == plane.ray.accepted
    assert not gone(plane, "TrainingJob", "digits")
    plane.now += timedelta(seconds=1)
    await plane.look()
    plane.now += timedelta(seconds=GIVE_UP_SECONDS + 1)
    await plane.look()
    assert gone(plane, "TrainingJob", "digits")
    assert [event for event in plane.store.list("Event") if event["reason"] == "LeftBehind"]
    plane.store.close()
