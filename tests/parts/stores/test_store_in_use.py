"""A deleted store stays for what uses it, and goes with the last of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from storesinmemory import StoreInMemory
from worlds import world

from penstock.api import FINALIZER, FeatureStore, VectorStore
from penstock.api.meta import API_VERSION
from penstock.api.ray import RayBackend, RayCluster, RayType
from penstock.installation import Installation
from penstock_operator.local.apiserver.cluster import LocalCluster
from penstock_operator.local.apiserver.store import ObjectStore
from penstock_operator.loop.finalizing import GIVE_UP_SECONDS
from penstock_operator.loop.key import Key
from penstock_operator.loop.kind import AnyKind, Kind
from penstock_operator.loop.reconcile import reconcile
from penstock_operator.stores.feast import FeastProjects
from penstock_operator.stores.milvus import MilvusServers
from penstock_operator.stores.reconciler import Stores

HOME = Installation(
    artifacts="/runs",
    ray=RayBackend(type=RayType.RAY_CLUSTER, ray_cluster=RayCluster(address="http://127.0.0.1:1")),
    milvus_uri="http://127.0.0.1:1",
    feast_registry={},
    feast_online_store={},
)
YEAR = timedelta(days=365)


@pytest.fixture
def objects(tmp_path: Path) -> Iterator[ObjectStore]:
    """Both stores, a view and a collection on them, and a run that is staged to both."""
    store = ObjectStore(tmp_path / "state.db")

    def create(kind: str, name: str, spec: Any, **status: Any) -> None:
        meta = {"name": name, "namespace": "default", "finalizers": [FINALIZER]}
        obj = store.create({"apiVersion": API_VERSION, "kind": kind, "metadata": meta, "spec": spec})
        store.update_status({**obj, "status": status})

    create("FeatureStore", "feast", {"project": "demo"})
    create("VectorStore", "milvus", {})
    view = {
        "storeRef": {"name": "feast"},
        "entities": [{"name": "id", "type": "Int64"}],
        "features": [{"name": "ink", "type": "Float32"}],
    }
    collection = {"storeRef": {"name": "milvus"}, "dimension": 4}
    create("FeatureView", "images", view)
    create("VectorCollection", "images", collection)
    ref = {"name": "images", "uid": "u"}
    staged = {
        "materializationRef": {"name": "m", "uid": "u"},
        "trainingRunRef": {"name": "r", "uid": "u"},
        "uri": "/runs",
        "trainedAt": "2026-01-01T00:00:00Z",
        "digest": "d",
        "gates": [],
        "features": [{**view, "output": "o", "featureViewRef": ref}],
        "vectors": [{**collection, "output": "p", "vectorCollectionRef": ref}],
        "deadlineSeconds": 1,
        "retryLimit": 0,
        "gracePeriodSeconds": 0,
    }
    there = {"resource": "images", "physical": "images__r_1"}
    outputs = [
        {"output": "o", "store": "feast", "kind": "Features", **there},
        {"output": "p", "store": "milvus", "kind": "Embeddings", **there},
    ]
    create("StagedRun", "digits-1", staged, outputs=outputs)
    yield store
    store.close()


def let_go(store: ObjectStore, kind: str, name: str) -> None:
    """Its own reconciler has cleaned up."""
    obj = store.get(kind, "default", name)
    obj["metadata"]["finalizers"] = ["example.com/other"]
    store.update(obj)


def kinds(objects: ObjectStore, part: StoreInMemory) -> dict[str, AnyKind]:
    cluster = LocalCluster(objects)
    parts = world(cluster=cluster, features=part, vectors=part, installation=HOME)
    projects, servers = Stores(cluster, FeastProjects(parts)), Stores(cluster, MilvusServers(parts))
    return {
        "FeatureStore": Kind(FeatureStore, projects.observe, projects.plan, projects.converge),
        "VectorStore": Kind(VectorStore, servers.observe, servers.plan, servers.converge),
    }


def looking(objects: ObjectStore, part: StoreInMemory, kind: str, name: str) -> Callable[[timedelta], Any]:
    async def look(after: timedelta) -> str:
        now = datetime.now(UTC).replace(microsecond=0) + after
        await reconcile(LocalCluster(objects), kinds(objects, part)[kind], Key(kind, "default", name), lambda: now)
        found = [obj for obj in objects.list(kind, "default") if obj["metadata"]["name"] == name]
        return found[0]["status"]["conditions"][0]["message"] if found else "gone"

    return look


@pytest.mark.parametrize(
    ("kind", "name", "view"), [("FeatureStore", "feast", "FeatureView"), ("VectorStore", "milvus", "VectorCollection")]
)
async def test_a_deleted_store_stays_for_what_uses_it_however_long_and_goes_with_the_last_of_it(
    objects: ObjectStore, kind: str, name: str, view: str
) -> None:
    part = StoreInMemory()
    look = looking(objects, part, kind, name)
    objects.delete(kind, "default", name)
    assert await look(YEAR) == f"Waiting for {view} images, StagedRun digits-1 to go"
    objects.delete("StagedRun", "default", "digits-1")
    objects.delete(view, "default", "images")
    # Both are going, and neither has come to its end yet.
    assert await look(YEAR) == f"Waiting for {view} images, StagedRun digits-1 to go"
    let_go(objects, "StagedRun", "digits-1")
    assert await look(YEAR) == f"Waiting for {view} images to go"
    assert part.projects == {"demo"}
    let_go(objects, view, "images")
    assert await look(timedelta(0)) == "gone"
    assert part.projects == (set() if kind == "FeatureStore" else {"demo"})
    assert [one["reason"] for one in objects.list("Event", "default")].count("LeftBehind") == 0


async def test_a_project_whose_registry_is_away_is_asked_again_and_told_when_it_stays(objects: ObjectStore) -> None:
    part = StoreInMemory(away=True)
    look = looking(objects, part, "FeatureStore", "feast")
    for kind, name in (("StagedRun", "digits-1"), ("FeatureView", "images"), ("FeatureStore", "feast")):
        objects.delete(kind, "default", name)
    for kind, name in (("StagedRun", "digits-1"), ("FeatureView", "images")):
        let_go(objects, kind, name)
    assert await look(timedelta(0)) != "gone"
    assert await look(timedelta(seconds=GIVE_UP_SECONDS - 5)) != "gone"
    assert await look(timedelta(seconds=GIVE_UP_SECONDS + 5)) == "gone"
    told = [one["message"] for one in objects.list("Event", "default") if one["reason"] == "LeftBehind"]
    assert told == ["Feast project 'demo' stays behind: The store did not answer"]
