"""An object that was stored under another schema troubles no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from worlds import world

from penstock.api.ray import RayBackend, RayCluster, RayType
from penstock.api.stores import FeatureStore
from penstock.installation import Installation
from penstock.sources.store import StoredArchive
from penstock_operator.loop.key import Key
from penstock_operator.loop.kind import Related
from penstock_operator.loop.manager import Manager
from penstock_operator.loop.plan import Plan
from penstock_operator.loop.related import referred
from penstock_operator.ports import Change, Object, References
from penstock_operator.references import feature_views, secrets, store, training_job, training_run, vector_collections
from penstock_operator.training.sweep import SourceSweeper
from penstock_operator.trainingrun.holders import holders

STRANGE_SPECS: list[dict[str, Any]] = [
    {"features": [{"view": "images"}], "vectors": [{"collection": "images"}], "trainingJobRef": "digits"},
    {"features": None, "vectors": "images", "storeRef": {"called": "feast"}, "trainingJobRef": {}},
    {"features": ["images"], "volumes": [{"cephfs": {"secretKeyRef": {}}}]},
]


def obj(kind: str, name: str, spec: Any = None, status: Any = None) -> Object:
    meta = {"name": name, "namespace": "team", "uid": name, "resourceVersion": "1"}
    return {"apiVersion": "penstock.dev/v1alpha1", "kind": kind, "metadata": meta, "spec": spec or {}, "status": status}


class Objects:
    """Objects that never change."""

    def __init__(self, *objects: Object) -> None:
        self.objects = objects

    async def get(self, kind: str, namespace: str, name: str) -> Object | None:
        return next((one for one in self.objects if Key.of(one) == (kind, namespace, name)), None)

    async def list(self, kind: str, namespace: str | None = None) -> Sequence[Object]:
        return [one for one in self.objects if one["kind"] == kind]

    async def referring(self, kind: str, namespace: str, references: References, name: str) -> Sequence[Object]:
        return [one for one in await self.list(kind) if name in references(one["spec"])]

    async def watch(self, kind: str) -> AsyncIterator[Change]:
        for one in await self.list(kind):
            yield Change("ADDED", one)
        await asyncio.Event().wait()


class Looks:
    """A kind that is looked at, and asks another one's relations, which break on what is strange."""

    model, name = FeatureStore, "FeatureStore"

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.related: Mapping[str, Related] = {
            "FeatureView": referred("FeatureStore", lambda spec: [spec["storeRef"]["name"]])
        }

    async def observe(self, resource: FeatureStore) -> None:
        self.seen.append(resource.metadata.name)

    def plan(self, resource: FeatureStore, observed: None, now: datetime, since: datetime) -> Plan[Any]:
        return Plan(resource.status)

    async def converge(self, resource: FeatureStore, action: Any) -> None:
        """Nothing."""


def test_what_a_strange_spec_refers_to_is_nothing() -> None:
    for spec in STRANGE_SPECS:
        for references in (feature_views, vector_collections, training_job, training_run, store, secrets):
            assert references(spec) == []


async def test_a_relation_that_breaks_on_one_object_does_not_end_the_watch() -> None:
    looks = Looks()
    cluster = Objects(
        obj("FeatureView", "strange", {"store": "a"}), obj("FeatureView", "plain", {"storeRef": {"name": "wanted"}})
    )
    manager = Manager(cluster, [looks])  # type: ignore[arg-type]
    asked: list[Key] = []
    manager.queue.add = asked.append  # type: ignore[method-assign]
    running = asyncio.create_task(manager.run())
    await asyncio.sleep(0.05)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert asked == [Key("FeatureStore", "team", "wanted")]


async def test_a_run_that_a_strange_staged_run_names_is_held() -> None:
    ref = {"trainingRunRef": {"name": "r-1", "uid": "r-1"}, "features": [{"view": "images"}]}
    cluster = Objects(
        obj("StagedRun", "strange", ref, {"state": "OfTomorrow"}),
        obj("StagedRun", "stranger", {**ref, "gates": {"rows": 3}}),
        obj("StagedRun", "of another", {"trainingRunRef": {"name": "r-1", "uid": "r-0"}}),
        obj("StagedRun", "refused", ref, {"state": "Refused"}),
    )
    held = await holders(cluster, obj("TrainingRun", "r-1"))  # type: ignore[arg-type]
    assert [one["metadata"]["name"] for one in held] == ["strange", "stranger"]


async def test_code_that_a_strange_job_names_is_kept() -> None:
    digest = f"sha256:{'a' * 64}"
    job = obj(
        "TrainingJob",
        "strange",
        {"source": {"type": "Archive", "archive": {"digest": digest}}, "colour": "red"},
        {"attempts": None},
    )
    listed = [StoredArchive(name, name, datetime(2020, 1, 1, tzinfo=UTC)) for name in (digest, "sha256:other")]
    removed: list[StoredArchive] = []

    class Artifacts:
        async def sources(self, artifacts: str) -> Sequence[StoredArchive]:
            return listed

        async def remove_source(self, archive: StoredArchive) -> bool:
            removed.append(archive)
            return True

    where = Installation(
        artifacts="file:///nowhere",
        ray=RayBackend(type=RayType.RAY_CLUSTER, ray_cluster=RayCluster(address="http://ray:8265")),
    )
    await SourceSweeper(world(cluster=Objects(job), artifacts=Artifacts(), installation=where)).sweep()
    assert removed == listed[1:]
