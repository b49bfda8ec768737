"""An object that was stored under another schema troubles no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from penstock.api.stores import FeatureStore
from penstock_operator.adapters.artifacts import FileArtifacts
from penstock_operator.loop.key import Key
from penstock_operator.loop.kind import Related
from penstock_operator.loop.manager import Manager
from penstock_operator.loop.plan import Plan
from penstock_operator.loop.related import referred
from penstock_operator.ports import Change, Object, References
from penstock_operator.publicnames.feeders import feeders_of
from penstock_operator.references import feature_views, secrets, store, training_job, vector_collections
from penstock_operator.stores.observe import users_of
from penstock_operator.training.observe import protected_runs
from penstock_operator.training.sweep import SourceSweeper

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
        for references in (feature_views, vector_collections, training_job, store, secrets):
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


async def test_runs_that_a_strange_materialization_names_are_protected_and_its_data_is_in_use() -> None:
    outputs = [{"store": "feast", "kind": "Features", "of": "tomorrow"}]
    status = {
        "active": {"run": "r-1"},
        "previousRun": "r-2",
        "runs": [{"run": "r-3", "state": "OfTomorrow", "outputs": outputs}, {"run": "r-4", "state": "Staged"}],
    }
    spec = {"trainingJobRef": {"name": "digits"}, "pinnedRunRef": {"name": "r-5"}, "features": [{"view": "images"}]}
    cluster = Objects(obj("Materialization", "strange", spec, status))
    assert await protected_runs(cluster, "team", "digits") == {"r-1", "r-2", "r-3", "r-5"}
    users = await users_of(cluster, "team", "feast", "FeatureView", "Features")
    assert users.names == ("Materialization strange",)
    assert (await users_of(cluster, "team", "other", "FeatureView", "Features")).names == ()
    assert await feeders_of(cluster, "team", "images", feature_views) == []


async def test_code_that_a_strange_job_names_is_kept(tmp_path: Path) -> None:
    digest = f"sha256:{'a' * 64}"
    job = obj(
        "TrainingJob",
        "strange",
        {"source": {"type": "Archive", "archive": {"digest": digest}}, "colour": "red"},
        {"attempts": None},
    )
    asked: list[set[str]] = []

    class Artifacts(FileArtifacts):
        async def expired_sources(self, artifacts: str, named: set[str], now: datetime) -> Sequence[str]:
            asked.append(named)
            return []

    await SourceSweeper(Objects(job), Artifacts(), str(tmp_path)).sweep()  # type: ignore[arg-type]
    assert asked == [{digest}]
