"""A control plane that dies before or after any of its effects comes to the same end: one submission an attempt."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from worlds import world

from penstock.api.ray import RayBackend, RayCluster, RayType
from penstock.api.trainingjob import TrainingJob
from penstock.installation import Installation
from penstock.rundir import storage
from penstock.rundir.manifest import MANIFEST, Manifest
from penstock_operator.adapters.artifacts import FileArtifacts
from penstock_operator.kinds import training_job
from penstock_operator.local.apiserver.cluster import LocalCluster
from penstock_operator.local.apiserver.store import ObjectStore
from penstock_operator.loop.key import Key
from penstock_operator.loop.reconcile import reconcile
from penstock_operator.ports import JobState, RayJob, RaySubmission

KEY = Key("TrainingJob", "default", "digits")
START = datetime(2026, 1, 1, tzinfo=UTC)


class Killed(BaseException):
    """The process dies here."""


@dataclass
class Fuse:
    """Kills at the n-th effect, before or after it happens."""

    at: int
    after: bool
    count: int = 0

    def around(self, effect: Callable[[], Any]) -> Any:
        self.count += 1
        if self.count == self.at and not self.after:
            raise Killed
        result = effect()
        if self.count == self.at:
            raise Killed
        return result


@dataclass
class RayStandIn:
    """Runs a job in two looks and remembers what it accepted; a real Ray is too slow for this many lives."""

    artifacts: str
    uid: str = ""
    failures: int = 0
    accepted: list[str] = field(default_factory=list)
    looks: dict[str, int] = field(default_factory=dict)
    fuse: Fuse | None = None

    async def ray_of(self, owner: object) -> RayStandIn:
        return self

    async def session(self) -> str:
        return "session_1"

    async def job(self, submission_id: str) -> RayJob | None:
        if submission_id not in self.accepted:
            return None
        self.looks[submission_id] = self.looks.get(submission_id, 0) + 1
        if self.looks[submission_id] < 2:
            return RayJob(submission_id, JobState.RUNNING)
        number = int(submission_id.rsplit("-", 1)[1])
        if number <= self.failures:
            return RayJob(submission_id, JobState.FAILED, "boom")
        self._write_manifest(number)
        return RayJob(submission_id, JobState.SUCCEEDED)

    async def submit(self, submission: RaySubmission) -> None:
        assert self.fuse is not None
        self.fuse.around(lambda: self.accepted.append(submission.submission_id))

    async def stop(self, submission_id: str) -> None:
        """Nothing runs."""

    async def delete(self, submission_id: str) -> None:
        """Nothing is kept."""

    async def logs(self, submission_id: str, lines: int = 20) -> str:
        return "boom"

    def _write_manifest(self, number: int) -> None:
        run = f"{self.uid.replace('-', '')[:8]}-{number}"
        manifest = Manifest(
            namespace="default",
            job="digits",
            uid=self.uid,
            attempt=number,
            run=run,
            entrypoint_digest="sha256:0",
            created_at=START,
        ).signed()
        content = manifest.model_dump_json(by_alias=True, exclude_none=True).encode()
        storage.replace(storage.join(self.artifacts, "default", "digits", run, MANIFEST), content)


class FusedStore(ObjectStore):
    """A store whose writes the fuse can cut short."""

    fuse: Fuse

    def update(self, obj: Any) -> Any:
        return self.fuse.around(lambda: ObjectStore.update(self, obj))

    def update_status(self, obj: Any) -> Any:
        return self.fuse.around(lambda: ObjectStore.update_status(self, obj))


async def live(path: Path, ray: RayStandIn, fuse: Fuse) -> int:
    """Run the control plane to the end of the job, restarting it after each kill; the number of effects."""
    now = START
    ray.fuse = fuse
    for _ in range(60):
        store = FusedStore(path / "state.db")
        store.fuse = fuse
        installation = Installation(
            artifacts=ray.artifacts,
            ray=RayBackend(type=RayType.RAY_CLUSTER, ray_cluster=RayCluster(address="http://127.0.0.1:1")),
        )
        cluster = LocalCluster(store)
        kind = training_job(world(cluster=cluster, rays=ray, artifacts=FileArtifacts(), installation=installation))
        try:
            requeue = await reconcile(cluster, kind, KEY, lambda now=now: now)
        except Killed:
            requeue = 0
        finally:
            store.close()
        if requeue is None:
            break
        now += timedelta(seconds=max(requeue, 1))
    return fuse.count


def arrange(path: Path, failures: int) -> RayStandIn:
    code = path / "code"
    code.mkdir()
    (code / "train.py").write_text("")
    store = ObjectStore(path / "state.db")
    made = store.create(
        {
            "apiVersion": "penstock.dev/v1alpha1",
            "kind": "TrainingJob",
            "metadata": {"name": "digits", "namespace": "default"},
            "spec": {"source": {"type": "Path", "path": str(code)}, "entrypoint": "train.py", "retry": {"limit": 1}},
        }
    )
    store.close()
    return RayStandIn(artifacts=str(path / "artifacts"), uid=made["metadata"]["uid"], failures=failures)


def end(path: Path) -> dict[str, Any]:
    store = ObjectStore(path / "state.db")
    job = TrainingJob.model_validate(store.get(*KEY))
    store.close()
    return {
        "attempts": [(a.number, a.state, a.reason, a.retry) for a in job.status.attempts],
        "runs": [run.attempt for run in job.status.runs],
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
