"""A deleted store stays for what uses it, and goes with the last of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from worlds import world

from penstock.api import FINALIZER
from penstock.api.ray import RayBackend, RayCluster, RayType
from penstock.handoff import MilvusConnection
from penstock.installation import Installation
from penstock_operator.kinds import feature_store, vector_store
from penstock_operator.local.apiserver.cluster import LocalCluster
from penstock_operator.local.apiserver.store import ObjectStore
from penstock_operator.loop.key import Key
from penstock_operator.loop.reconcile import reconcile
from penstock_operator.stores.plan import LEAVING_SECONDS

OBJECTS = Path(__file__).with_name("materialization.yaml")
HOME = Installation(
    artifacts="/runs",
    ray=RayBackend(type=RayType.RAY_CLUSTER, ray_cluster=RayCluster(address="http://127.0.0.1:1")),
    milvus_uri="http://127.0.0.1:1",
    feast_registry={},
    feast_online_store={},
)
OUTPUTS = [
    {"output": "features", "kind": "Features", "resource": "images", "store": "feast", "physical": "images__r_1"},
    {"output": "vectors", "kind": "Embeddings", "resource": "images", "store": "milvus", "physical": "images__r_1"},
]


class Healthy:
    """A Feast and a Milvus that answer."""

    def __init__(self) -> None:
        self.projects = {"demo"}

    async def check(self, where: Mapping[str, Any] | MilvusConnection) -> str:
        return "1"

    async def drop_project(self, config: Mapping[str, Any]) -> None:
        self.projects.discard(config["project"])


@pytest.fixture
def store(tmp_path: Path) -> Any:
    store = ObjectStore(tmp_path / "state.db")
    for obj in yaml.safe_load_all(OBJECTS.read_text()):
        if obj["kind"] != "TrainingJob":
            obj["metadata"]["finalizers"] = [FINALIZER]
        store.create(obj)
    mat = store.get("Materialization", "default", "digits")
    runs = [{"run": "r-1", "state": "Staged", "outputs": OUTPUTS}]
    store.update_status({**mat, "status": {"runs": runs}})
    yield store
    store.close()


def let_go(store: ObjectStore, kind: str, name: str) -> None:
    """Its own reconciler has cleaned up."""
    obj = store.get(kind, "default", name)
    obj["metadata"]["finalizers"] = ["example.com/other"]
    store.update(obj)


@pytest.mark.parametrize(
    ("kind", "name", "view"), [("FeatureStore", "feast", "FeatureView"), ("VectorStore", "milvus", "VectorCollection")]
)
async def test_a_deleted_store_stays_for_what_uses_it_and_goes_with_the_last_of_it(
    store: ObjectStore, kind: str, name: str, view: str
) -> None:
    cluster, part = LocalCluster(store), Healthy()
    stores: dict[str, Any] = {
        "FeatureStore": feature_store(world(cluster=cluster, features=part, installation=HOME)),
        "VectorStore": vector_store(world(cluster=cluster, vectors=part, installation=HOME)),
    }

    async def look(after: timedelta) -> str:
        now = datetime.now(UTC) + after
        await reconcile(cluster, stores[kind], Key(kind, "default", name), lambda: now)
        found = [obj for obj in store.list(kind, "default") if obj["metadata"]["name"] == name]
        return found[0]["status"]["conditions"][0]["message"] if found else "gone"

    store.delete(kind, "default", name)
    year = timedelta(days=365)
    assert await look(year) == f"Waiting for {view} images, Materialization digits to go"
    store.delete("Materialization", "default", "digits")
    assert await look(year) == f"Waiting for {view} images, Materialization digits to go"
    let_go(store, "Materialization", "digits")
    assert await look(year) == f"Waiting for {view} images to go"
    store.delete(view, "default", "images")
    assert await look(timedelta(0)) == f"Waiting for {view} images to go"
    assert part.projects == {"demo"}
    let_go(store, view, "images")
    assert await look(timedelta(0)) == "gone"
    assert part.projects == (set() if kind == "FeatureStore" else {"demo"})


async def test_users_that_go_and_do_not_come_to_an_end_hold_a_store_for_a_while_only(store: ObjectStore) -> None:
    cluster = LocalCluster(store)
    stores = vector_store(world(cluster=cluster, vectors=Healthy(), installation=HOME))
    for kind, name in (("VectorStore", "milvus"), ("Materialization", "digits"), ("VectorCollection", "images")):
        store.delete(kind, "default", name)
    for after, left in ((LEAVING_SECONDS - 5, 1), (LEAVING_SECONDS, 0)):
        now = datetime.now(UTC) + timedelta(seconds=after)
        await reconcile(cluster, stores, Key("VectorStore", "default", "milvus"), lambda now=now: now)
        assert len(store.list("VectorStore")) == left
