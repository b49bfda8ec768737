"""A control plane of TrainingJobs and their runs over a store of objects, with a Ray that only remembers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fuse import Fuse
from worlds import world

from penstock.api.ray import KubeRay, RayBackend, RayCluster, RayType
from penstock.installation import Installation
from penstock.rundir import storage
from penstock.rundir.manifest import MANIFEST, Manifest
from penstock_operator.adapters.artifacts import FileArtifacts
from penstock_operator.kinds import training_job, training_run
from penstock_operator.local.apiserver.cluster import LocalCluster
from penstock_operator.local.apiserver.store import ObjectStore
from penstock_operator.loop.key import Key
from penstock_operator.loop.reconcile import reconcile
from penstock_operator.ports import JobState, RayJob, RaySubmission

JOB = Key("TrainingJob", "default", "digits")
START = datetime(2026, 1, 1, tzinfo=UTC)
QUIET = 8


@dataclass
class RayStandIn:
    """Runs a job in two looks and remembers what it accepted; a real Ray is too slow for this many lives."""

    artifacts: str
    uid: str = ""
    failures: int = 0
    accepted: list[str] = field(default_factory=list)
    looks: dict[str, int] = field(default_factory=dict)
    stopped: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    """What somebody deleted by hand."""
    hangs: bool = False
    """Whether a job runs until it is stopped."""
    fuse: Fuse = field(default_factory=Fuse)

    async def ray_of(self, owner: object) -> RayStandIn:
        return self

    async def session(self) -> str:
        return "session_1"

    async def job(self, submission_id: str) -> RayJob | None:
        if submission_id not in self.accepted or submission_id in self.deleted:
            return None
        if submission_id in self.stopped:
            return RayJob(submission_id, JobState.STOPPED)
        self.looks[submission_id] = self.looks.get(submission_id, 0) + 1
        if self.looks[submission_id] < 2 or self.hangs:
            return RayJob(submission_id, JobState.RUNNING)
        number = int(submission_id.rsplit("-", 1)[1])
        if number <= self.failures:
            return RayJob(submission_id, JobState.FAILED, "boom")
        write_manifest(self.artifacts, self.uid, number)
        return RayJob(submission_id, JobState.SUCCEEDED)

    async def submit(self, submission: RaySubmission) -> None:
        self.fuse.around(lambda: self.accepted.append(submission.submission_id))

    async def stop(self, submission_id: str) -> None:
        self.stopped.append(submission_id)

    async def delete(self, submission_id: str) -> None:
        """Nothing is kept."""

    async def logs(self, submission_id: str, lines: int = 20) -> str:
        return "boom"


def write_manifest(artifacts: str, uid: str, number: int) -> None:
    """Commit the run of an attempt."""
    run = f"{uid.replace('-', '')[:8]}-{number}"
    manifest = Manifest(
        namespace="default",
        job="digits",
        uid=uid,
        attempt=number,
        run=run,
        entrypoint_digest="sha256:0",
        created_at=START,
    ).signed()
    content = manifest.model_dump_json(by_alias=True, exclude_none=True).encode()
    storage.replace(storage.join(artifacts, "default", "digits", run, MANIFEST), content)


class FusedStore(ObjectStore):
    """A store whose writes the fuse can cut short."""

    fuse: Fuse

    def create(self, obj: Any) -> Any:
        # An event is no effect that anything follows from.
        if obj["kind"] == "Event":
            return super().create(obj)
        return self.fuse.around(lambda: ObjectStore.create(self, obj))

    def update(self, obj: Any) -> Any:
        if obj["kind"] == "Event":
            return super().update(obj)
        return self.fuse.around(lambda: ObjectStore.update(self, obj))

    def update_status(self, obj: Any) -> Any:
        return self.fuse.around(lambda: ObjectStore.update_status(self, obj))


class Plane:
    """The objects, and passes over them until nothing is left to do."""

    def __init__(
        self,
        folder: Path,
        ray: RayStandIn | None = None,
        artifacts: FileArtifacts | None = None,
        *,
        on_kuberay: bool = False,
    ) -> None:
        self.folder, self.now, self.since = folder, START, START
        self.store = FusedStore(folder / "state.db")
        self.store.fuse = Fuse()
        self.ray = ray if ray is not None else RayStandIn(str(folder / "artifacts"))
        self.cluster = LocalCluster(self.store)
        there = RayBackend(type=RayType.RAY_CLUSTER, ray_cluster=RayCluster(address="http://127.0.0.1:1"))
        backend = RayBackend(type=RayType.KUBE_RAY, kube_ray=KubeRay()) if on_kuberay else there
        parts = world(
            cluster=self.cluster,
            rays=self.ray,
            artifacts=artifacts or FileArtifacts(),
            installation=Installation(artifacts=self.ray.artifacts, ray=backend),
        )
        self.kinds = {"TrainingJob": training_job(parts), "TrainingRun": training_run(parts)}

    def job(self, **spec: Any) -> dict[str, Any]:
        """Create the job, over code that is there."""
        code = self.folder / "code"
        code.mkdir(exist_ok=True)
        (code / "train.py").write_text("")
        made = self.store.create(
            {
                "apiVersion": "penstock.dev/v1alpha1",
                "kind": "TrainingJob",
                "metadata": {"name": "digits", "namespace": "default"},
                "spec": {"source": {"type": "Path", "path": str(code)}, "entrypoint": "train.py", **spec},
            }
        )
        self.ray.uid = made["metadata"]["uid"]
        return dict(made)

    def edit(self, **spec: Any) -> None:
        """Change fields of the job's spec."""
        obj = self.store.get(*JOB)
        self.store.update({**obj, "spec": {**obj["spec"], **spec}})

    def runs(self) -> list[dict[str, Any]]:
        """The TrainingRuns, by attempt."""
        return sorted(self.store.list("TrainingRun"), key=lambda run: run["spec"]["attempt"])

    def stage(self, run: dict[str, Any], name: str = "staged", **status: Any) -> dict[str, Any]:
        """A StagedRun of a run."""
        made = self.store.create(
            {
                "apiVersion": "penstock.dev/v1alpha1",
                "kind": "StagedRun",
                "metadata": {"name": name, "namespace": "default"},
                "spec": {
                    "materializationRef": {"name": "mat", "uid": "m-1"},
                    "trainingRunRef": {"name": run["metadata"]["name"], "uid": run["metadata"]["uid"]},
                    "uri": run["spec"]["uri"],
                    "digest": "sha256:0",
                    "trainedAt": "2026-01-01T00:00:00Z",
                    "deadlineSeconds": 60,
                    "retryLimit": 0,
                    "gracePeriodSeconds": 0,
                },
            }
        )
        return dict(self.store.update_status({**made, "status": status})) if status else dict(made)

    async def look(self) -> bool:
        """One pass over every object; whether anything was written."""
        before = self.store.version
        for kind, row in self.kinds.items():
            for obj in self.store.list(kind):
                await reconcile(self.cluster, row, Key.of(obj), lambda: self.now, self.since)
        return self.store.version != before

    async def settle(self, looks: int = 80) -> None:
        """Look, a second apart, until so many looks change nothing that nobody backs off any more."""
        quiet = 0
        for _ in range(looks):
            quiet = 0 if await self.look() else quiet + 1
            if quiet == QUIET:
                return
            self.now += timedelta(seconds=1)
        raise AssertionError("it does not come to rest")
