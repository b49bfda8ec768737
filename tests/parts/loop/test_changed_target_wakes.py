"""A view or collection that changes has its Materialization looked at at once, wherever the objects are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from worlds import world

from penstock.api.materialization import Materialization
from penstock.api.meta import FINALIZER
from penstock_operator.kinds import materialization
from penstock_operator.kubernetes.api import Api
from penstock_operator.kubernetes.cache import Cache
from penstock_operator.kubernetes.cluster import KubernetesCluster
from penstock_operator.kubernetes.events import Recorder
from penstock_operator.kubernetes.kinds import WATCHED
from penstock_operator.kubernetes.metrics import Metrics
from penstock_operator.local.apiserver.cluster import LocalCluster
from penstock_operator.local.apiserver.store import ObjectStore
from penstock_operator.loop.index import ObjectIndex
from penstock_operator.loop.key import Key
from penstock_operator.loop.manager import Manager
from penstock_operator.loop.plan import Plan
from penstock_operator.ports import Object

OBJECTS = list(yaml.safe_load_all(Path(__file__).with_name("materialization.yaml").read_text()))
OTHER = {"kind": "Materialization", "metadata": {"name": "other", "namespace": "default"}}
Put = Callable[[Object], None]


class Looks:
    """A reconciler of Materializations that only counts its looks at each."""

    model, name, related = Materialization, "Materialization", materialization(world()).related

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def observe(self, obj: Materialization) -> None:
        self.seen.append(obj.metadata.name)

    def plan(self, obj: Materialization, observed: None, now: datetime, since: datetime) -> Plan[Any]:
        return Plan(obj.status)

    async def converge(self, obj: Materialization, action: Any) -> None:
        """Nothing."""


def local(folder: Path) -> tuple[LocalCluster, Put]:
    """The object store of the laptop."""
    store = ObjectStore(folder / "state.db")

    def put(obj: Object) -> None:
        if any(one["metadata"]["name"] == obj["metadata"]["name"] for one in store.list(obj["kind"], "default")):
            store.update({**store.get(obj["kind"], "default", obj["metadata"]["name"]), "spec": obj["spec"]})
        else:
            store.create(obj)

    return LocalCluster(store), put


def cached(folder: Path) -> tuple[KubernetesCluster, Put]:
    """The cache of the cluster; nothing is written here, so there is no API behind it."""
    cache, versions = Cache(WATCHED), iter(range(1, 1000))

    def put(obj: Object) -> None:
        name = obj["metadata"]["name"]
        meta = {"uid": name, "resourceVersion": str(next(versions)), "finalizers": [FINALIZER], "generation": 1}
        status = {"observedGeneration": 1, "conditions": [], "runs": [], "stagings": 0, "targets": [], "ended": []}
        cache.put({**obj, "metadata": {**obj["metadata"], **meta}, "status": status})

    return KubernetesCluster(cast("Api", None), cache, cast("Recorder", None), cast("Metrics", None)), put


@pytest.fixture(params=[local, cached])
async def home(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Looks, Put]]:
    cluster, put = request.param(tmp_path)
    mat = next(obj for obj in OBJECTS if obj["kind"] == "Materialization")
    refs = {
        "features": [],
        "vectors": [{"name": "elsewhere", "output": "e", "vectorCollectionRef": {"name": "elsewhere"}}],
    }
    for obj in (*OBJECTS, {**mat, **OTHER, "spec": {**mat["spec"], **refs}}):
        put(obj)
    looks = Looks()
    running = asyncio.create_task(Manager(cluster, [looks]).run())
    await rest(looks)
    assert {"digits", "other"} <= set(looks.seen)
    yield looks, put
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def rest(looks: Looks) -> None:
    """Wait until nothing is looked at any more."""
    before = -1
    while before != len(looks.seen):
        before = len(looks.seen)
        await asyncio.sleep(0.2)


@pytest.mark.parametrize(
    ("kind", "fields"), [("FeatureView", {"ttlSeconds": 60}), ("VectorCollection", {"dimension": 8})]
)
async def test_the_materialization_that_names_it_is_looked_at(
    home: tuple[Looks, Put], kind: str, fields: dict[str, Any]
) -> None:
    looks, put = home
    looks.seen.clear()
    obj = next(one for one in OBJECTS if one["kind"] == kind)
    put({**obj, "spec": {**obj["spec"], **fields}})
    await rest(looks)
    assert looks.seen == ["digits"]


def test_the_keys_that_must_look_again_are_those_that_name_it() -> None:
    objects = ObjectIndex()
    for one in OBJECTS:
        objects.put(one)
    for kind in ("FeatureView", "VectorCollection"):
        related = materialization(world()).related[kind]
        for name, keys in (("images", [Key("Materialization", "default", "digits")]), ("elsewhere", [])):
            changed = {"kind": kind, "metadata": {"namespace": "default", "name": name}, "spec": {}}
            assert list(related(changed, objects)) == keys
