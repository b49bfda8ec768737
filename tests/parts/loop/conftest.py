"""A materialization's world that outlives its control plane: a durable store, and stores and a Ray in memory."""

from __future__ import annotations

import copy
import itertools
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from fuse import Fuse, Killed

from penstock.api import API_VERSION, FINALIZER
from penstock.api.materialization import Materialization
from penstock.api.ray import RayBackend, RayCluster, RayType
from penstock.api.stagedrun import StagedRun, StagingState
from penstock.handoff import STAGING_VARIABLE, StagingReport, StagingSpec
from penstock.installation import Installation
from penstock.rundir import storage
from penstock_operator.adapters.artifacts import FileArtifacts
from penstock_operator.kinds import kinds
from penstock_operator.local.apiserver.cluster import LocalCluster
from penstock_operator.local.apiserver.errors import NotFound
from penstock_operator.local.apiserver.store import ObjectStore
from penstock_operator.loop.key import Key
from penstock_operator.loop.kind import AnyKind
from penstock_operator.loop.reconcile import reconcile
from penstock_operator.ports import Conflict, JobState, RayJob, RaySubmission, Refused
from penstock_operator.ports import World as Parts
from penstock_operator.stagedrun.endings import WATCH_SECONDS

PASSES = ("Materialization", "StagedRun", "TrainingRun", "FeatureView", "VectorCollection")
MATERIALIZATION = Key("Materialization", "default", "digits")
OBJECTS = Path(__file__).with_name("materialization.yaml")
READY = {"type": "Ready", "status": "True", "reason": "Ready", "lastTransitionTime": "2026-01-01T00:00:00Z"}


@dataclass
class Stores:
    """Feast and Milvus: names that stand for what is there, and data that a public name protects."""

    fuse: Fuse
    guarded: Callable[[], set[str]]
    data: set[str] = field(default_factory=set)
    names: dict[str, str] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)

    async def service_view(self, config: Mapping[str, Any], service: str) -> str | None:
        return self.names.get(service)

    async def point_service(self, config: Mapping[str, Any], service: str, view: str) -> None:
        if view not in self.data:
            raise Refused(f"{view} is not there")
        self.fuse.around(lambda: self.names.update({service: view}))

    async def drop_service(self, config: Mapping[str, Any], service: str, view: str) -> None:
        if self.names.get(service) == view:
            self.fuse.around(lambda: self.names.pop(service))

    async def has_view(self, config: Mapping[str, Any], view: str) -> bool:
        return view in self.data

    async def drop_view(self, config: Mapping[str, Any], view: str) -> None:
        assert view not in self.guarded(), f"{view} is dropped"
        if view in self.names.values():
            raise Refused(f"a name stands for {view}")
        self.dropped.append(view)
        self.fuse.around(lambda: self.data.discard(view))

    alias_target, move_alias = service_view, point_service
    drop_alias, has_collection, drop_collection = drop_service, has_view, drop_view


@dataclass
class Ray:
    """Stages in two looks: the first finds some of the data in the stores, the second all of it and a report."""

    fuse: Fuse
    views: Stores
    collections: Stores
    fates: dict[str, str]
    accepted: list[str] = field(default_factory=list)
    specs: dict[str, StagingSpec] = field(default_factory=dict)
    looked: set[str] = field(default_factory=set)
    stopped: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)
    forgotten: set[str] = field(default_factory=set)

    async def ray_of(self, owner: object) -> Ray:
        return self

    async def session(self) -> str:
        return "session_1"

    async def submit(self, submission: RaySubmission) -> None:
        spec = StagingSpec.model_validate_json(submission.env[STAGING_VARIABLE])
        self.specs[submission.submission_id] = spec
        self.fuse.around(lambda: self.accepted.append(submission.submission_id))

    async def job(self, submission_id: str) -> RayJob | None:
        if submission_id not in self.accepted:
            return None
        if submission_id in self.done:
            return RayJob(submission_id, JobState.SUCCEEDED)
        spec = self.specs[submission_id]
        self.collections.data.update(target.collection for target in spec.vectors)
        if submission_id in self.stopped:
            return RayJob(submission_id, JobState.STOPPED)
        if submission_id not in self.looked or self.fates[spec.run] == "Hung":
            self.looked.add(submission_id)
            return RayJob(submission_id, JobState.RUNNING)
        if self.fates[spec.run] == "Failed":
            return RayJob(submission_id, JobState.FAILED, "boom")
        self.views.data.update(target.view for target in spec.features)
        physical = [("Features", "feast", target.view) for target in spec.features]
        physical += [("Embeddings", "milvus", target.collection) for target in spec.vectors]
        outputs = [
            {"output": "o", "kind": kind, "resource": "images", "store": store, "physical": name}
            for kind, store, name in physical
        ]
        body = {"run": spec.run, "outcome": self.fates[spec.run], "outputs": outputs}
        garbled = self.fates[spec.run] == "Garbled"
        report = "{" if garbled else StagingReport.model_validate(body).model_dump_json(by_alias=True)
        storage.replace(storage.join(spec.stage_uri, "report.json"), report.encode())
        self.done.add(submission_id)
        return RayJob(submission_id, JobState.SUCCEEDED)

    async def logs(self, submission_id: str, lines: int = 20) -> str:
        return "boom"

    async def stop(self, submission_id: str) -> None:
        self.fuse.around(lambda: self.stopped.add(submission_id))

    async def delete(self, submission_id: str) -> None:
        self.fuse.around(lambda: self.forgotten.add(submission_id))


class FusedStore(ObjectStore):
    """A store whose writes the fuse can cut short."""

    fuse: Fuse

    def create(self, obj: Any, **how: Any) -> Any:
        return self.fuse.around(lambda: ObjectStore.create(self, obj, **how))

    def delete(self, *key: Any, **how: Any) -> Any:
        return self.fuse.around(lambda: ObjectStore.delete(self, *key, **how))

    def update(self, obj: Any) -> Any:
        return self.fuse.around(lambda: ObjectStore.update(self, obj))

    def update_status(self, obj: Any) -> Any:
        return self.fuse.around(lambda: ObjectStore.update_status(self, obj))


class FusedArtifacts(FileArtifacts):
    """Run directories whose deletion the fuse can cut short."""

    def __init__(self, fuse: Fuse, root: str) -> None:
        super().__init__()
        self.fuse, self.root = fuse, root

    async def put(self, uri: str, content: bytes) -> None:
        self.fuse.around(lambda: storage.replace(uri, content))

    async def delete(self, uri: str) -> None:
        self.fuse.around(lambda: storage.delete_tree(uri))
        storage.prune(uri, self.root)


class World:
    """Everything that a control plane finds again after it died."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.path, self.fuse = folder / "state.db", Fuse()
        # A deletion is timed by the real clock, and must not look overdue to this one.
        self.now = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=12)
        self.fates: dict[str, str] = {}
        self.views, self.collections = Stores(self.fuse, self.guarded), Stores(self.fuse, self.guarded)
        self.ray = Ray(self.fuse, self.views, self.collections, self.fates)
        self.installation = Installation(
            artifacts=str(folder / "runs"),
            ray=RayBackend(type=RayType.RAY_CLUSTER, ray_cluster=RayCluster(address="http://127.0.0.1:1")),
            milvus_uri="http://127.0.0.1:1",
            feast_registry={},
            feast_online_store={},
        )
        store = ObjectStore(self.path)
        for obj in yaml.safe_load_all(OBJECTS.read_text()):
            store.create(obj)
        for kind, name in (("FeatureStore", "feast"), ("VectorStore", "milvus")):
            store.update_status({**store.get(kind, "default", name), "status": {"conditions": [READY]}})
        store.close()

    def guarded(self) -> set[str]:
        """What the pointer names and what is staged of the previous and the pinned run, by what is written."""
        obj = self.get(MATERIALIZATION)
        if obj is None or "deletionTimestamp" in obj["metadata"]:
            return set()
        mat = Materialization.model_validate(obj)
        named = {one.staged_run_ref.uid for one in (mat.status.active, mat.status.previous) if one is not None}
        pinned = mat.spec.pinned_run_ref.name if mat.spec.pinned_run_ref is not None else None
        kept = [
            one
            for one in self.staged()
            if one.metadata.uid in named or one.spec.training_run_ref.name == pinned
            if one.status.state is StagingState.STAGED
        ]
        return {output.physical for one in kept for output in one.status.outputs}

    def staged(self) -> list[StagedRun]:
        """The StagedRuns, in the order in which they were first submitted."""
        order = list(dict.fromkeys(spec.uid for spec in self.ray.specs.values()))
        store = ObjectStore(self.path)
        try:
            found = [StagedRun.model_validate(obj) for obj in store.list("StagedRun", "default")]
            return sorted(found, key=lambda one: [*order, one.metadata.uid].index(one.metadata.uid))
        finally:
            store.close()

    def get(self, key: Key) -> dict[str, Any] | None:
        store = ObjectStore(self.path)
        try:
            return store.get(*key)
        except NotFound:
            return None
        finally:
            store.close()

    def keep(self) -> Callable[[], World]:
        """Gives what brings back the world as it is now, however often."""
        folder = self.path.parent
        kept, memory = shutil.copytree(folder, folder.with_suffix(".kept")), copy.deepcopy(self)

        def again() -> World:
            shutil.rmtree(folder)
            shutil.copytree(kept, folder)
            return copy.deepcopy(memory)

        return again

    def change(self, change: Callable[[ObjectStore], Any]) -> None:
        """What a user or a training job does."""
        store = ObjectStore(self.path)
        change(store)
        store.close()

    def train(self, run: str, fate: str) -> None:
        """A run of the job is there, and its staging will end as told."""
        self.fates[run] = fate

        def write(store: Any) -> None:
            job = store.get("TrainingJob", "default", "digits")
            number = len(self.fates)
            uri = f"{self.installation.artifacts}/default/digits/{run}"
            storage.replace(f"{uri}/manifest.json", b"{}")
            spec = {
                "trainingJobRef": {"name": "digits", "uid": job["metadata"]["uid"]},
                "attempt": number,
                "uri": uri,
                "manifestDigest": "sha256:0",
                "createdAt": f"2026-01-01T00:00:{number:02}Z",
                "entrypoint": "train.py",
            }
            meta = {"namespace": "default", "name": run, "finalizers": [FINALIZER]}
            store.create({"apiVersion": API_VERSION, "kind": "TrainingRun", "metadata": meta, "spec": spec})

        self.change(write)

    async def settle(self) -> None:
        """Run the control plane until nothing is left to do; after each kill another one takes over."""
        for _ in range(20):
            store = FusedStore(self.path)
            store.fuse = self.fuse
            try:
                await self._live(store)
            except Killed:
                continue
            else:
                return
            finally:
                store.close()

    async def _live(self, store: FusedStore) -> None:
        """The life of one control plane, which knows nothing yet."""
        cluster = LocalCluster(store)
        artifacts = FusedArtifacts(self.fuse, self.installation.artifacts)
        parts: Any = Parts(cluster, self.ray, self.views, self.collections, artifacts, self.installation)  # type: ignore[arg-type]
        table = {kind.name: kind for kind in kinds(parts)}
        for _ in range(80):
            before = (store.version, self.fuse.count)
            keys = [Key(kind, "default", obj["metadata"]["name"]) for kind in PASSES for obj in store.list(kind)]
            again = [await self._look(cluster, table[key.kind], key) for key in keys]
            for stores in (self.views, self.collections):
                assert set(stores.names.values()) <= stores.data, "a public name stands for nothing"
            waits = [after for key, after in zip(keys, again, strict=True) if after is not None and _waits(key, after)]
            if not waits and before == (store.version, self.fuse.count):
                return
            self.now += timedelta(seconds=max(min(waits, default=0), 1))
        raise AssertionError("it does not come to rest")

    async def _look(self, cluster: LocalCluster, kind: AnyKind, key: Key) -> float | None:
        try:
            return await reconcile(cluster, kind, key, lambda: self.now)
        except Conflict:
            return 0


def _waits(key: Key, after: float) -> bool:
    """Whether something is still to come: what is served, and public names, are looked after for ever."""
    return key.kind == "StagedRun" and after != WATCH_SECONDS


@pytest.fixture
def new_world(tmp_path: Path) -> Callable[[], World]:
    """Makes a world in which nothing has been trained yet."""
    numbers = itertools.count()
    return lambda: World(tmp_path / str(next(numbers)))
