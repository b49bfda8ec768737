"""Views, collections and what feeds them, in a real object store, before a Feast and a Milvus in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from storesinmemory import StoreInMemory
from worlds import world

from penstock.api import FeatureView, VectorCollection
from penstock.api.meta import API_VERSION
from penstock.api.ray import RayBackend, RayCluster, RayType
from penstock.installation import Installation
from penstock_operator.local.apiserver.cluster import LocalCluster
from penstock_operator.local.apiserver.store import ObjectStore
from penstock_operator.loop.key import Key
from penstock_operator.loop.kind import AnyKind, Kind
from penstock_operator.loop.plan import ALWAYS
from penstock_operator.loop.reconcile import reconcile
from penstock_operator.publicnames.aliases import Aliases
from penstock_operator.publicnames.reconciler import PublicNames
from penstock_operator.publicnames.services import FeatureServices
from penstock_operator.secretmemory import SecretMemory

HOME = Installation(
    artifacts="/runs",
    ray=RayBackend(type=RayType.RAY_CLUSTER, ray_cluster=RayCluster(address="http://127.0.0.1:1")),
    milvus_uri="http://127.0.0.1:1",
    feast_registry={},
    feast_online_store={},
)
SHAPES: dict[str, dict[str, Any]] = {
    "FeatureView": {
        "storeRef": {"name": "store"},
        "entities": [{"name": "id", "type": "Int64"}],
        "features": [{"name": "ink", "type": "Float32"}],
    },
    "VectorCollection": {"storeRef": {"name": "store"}, "dimension": 4},
}


class Form(NamedTuple):
    """How one kind of public name is written."""

    kind: str
    store: str
    output: str
    mappings: str
    ref: str
    physical: str
    noun: str


VIEW = Form("FeatureView", "FeatureStore", "Features", "features", "featureViewRef", "view", "feature service")
COLLECTION = Form(
    "VectorCollection", "VectorStore", "Embeddings", "vectors", "vectorCollectionRef", "collection", "alias"
)


class Indexed(LocalCluster):
    """A cluster that finds by index: a pass that lists all objects fails."""

    async def list(self, kind: str, namespace: str | None = None) -> Any:
        raise AssertionError(f"all {kind} objects are listed")


@dataclass
class Names:
    """One kind of public name: its objects, its store, and passes over it."""

    form: Form
    objects: ObjectStore
    backend: StoreInMemory = field(default_factory=StoreInMemory)
    secrets: SecretMemory = field(default_factory=SecretMemory)
    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))
    since: datetime = ALWAYS

    def create(self, kind: str, name: str, spec: Any, namespace: str = "default", **status: Any) -> Any:
        meta = {"name": name, "namespace": namespace}
        obj = self.objects.create({"apiVersion": API_VERSION, "kind": kind, "metadata": meta, "spec": spec})
        return self.objects.update_status({**obj, "status": status}) if status else obj

    def resource(self, namespace: str = "default") -> None:
        """The store and the resource `images` on it."""
        spec = {"project": "demo"} if self.form.store == "FeatureStore" else {}
        self.create(self.form.store, "store", spec, namespace)
        self.create(self.form.kind, "images", SHAPES[self.form.kind], namespace)

    def feeder(self, name: str, run: str | None = None, namespace: str = "default") -> str:
        """A Materialization that feeds it, and the StagedRun that it serves; what that has in the store."""
        mapping = {"output": "o", self.form.ref: {"name": "images"}}
        spec = {"trainingJobRef": {"name": name}, "gates": [], self.form.mappings: [mapping]}
        mat = self.create("Materialization", name, spec, namespace)
        if run is None:
            return ""
        physical = f"images__{name}_{run}"
        output = {"output": "o", "kind": self.form.output, "resource": "images", "store": "store", "physical": physical}
        staged = self.staged(f"{name}-{run}", output, namespace)
        active = {
            "run": run,
            "stagedRunRef": {"name": f"{name}-{run}", "uid": staged["metadata"]["uid"]},
            "uri": "/runs",
            "trainedAt": "2026-01-01T00:00:00Z",
            "switchedAt": "2026-01-01T00:00:00Z",
            "outputs": [output],
        }
        self.objects.update_status({**mat, "status": {"active": active}})
        return physical

    def staged(self, name: str, output: Any, namespace: str) -> Any:
        target = {**SHAPES[self.form.kind], "output": "o", self.form.ref: {"name": "images", "uid": "u"}}
        spec = {
            "materializationRef": {"name": "m", "uid": "u"},
            "trainingRunRef": {"name": "r", "uid": "u"},
            "uri": "/runs",
            "trainedAt": "2026-01-01T00:00:00Z",
            "digest": "d",
            "gates": [],
            self.form.mappings: [target],
            "deadlineSeconds": 1,
            "retryLimit": 0,
            "gracePeriodSeconds": 0,
        }
        return self.create("StagedRun", name, spec, namespace, outputs=[output])

    async def look(self, after: float = 0, passes: int = 3, namespace: str = "default") -> None:
        """Passes of a control plane, some seconds after now."""
        now = self.now + timedelta(seconds=after)
        for _ in range(passes):
            await reconcile(
                LocalCluster(self.objects),
                self._kind(),
                Key(self.form.kind, namespace, "images"),
                lambda: now,
                self.since,
            )

    def _kind(self) -> AnyKind:
        cluster = Indexed(self.objects)
        parts = world(
            cluster=cluster, features=self.backend, vectors=self.backend, installation=HOME, secrets=self.secrets
        )
        if self.form is VIEW:
            views = PublicNames(cluster, FeatureServices(parts))
            return Kind(FeatureView, views.observe, views.plan, views.converge)
        collections = PublicNames(cluster, Aliases(parts))
        return Kind(VectorCollection, collections.observe, collections.plan, collections.converge)

    def get(self, namespace: str = "default") -> Any:
        found = [obj for obj in self.objects.list(self.form.kind, namespace) if obj["metadata"]["name"] == "images"]
        return found[0] if found else None

    def conditions(self, namespace: str = "default") -> dict[str, tuple[str, str, str]]:
        told = self.get(namespace)["status"]["conditions"]
        return {one["type"]: (one["status"], one["reason"], one["message"]) for one in told}

    def left_behind(self) -> list[str]:
        return [one["message"] for one in self.objects.list("Event", "default") if one["reason"] == "LeftBehind"]


@pytest.fixture(params=[VIEW, COLLECTION], ids=["view", "collection"])
def names(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Names]:
    """A kind of public name, with the resource `images` that nothing feeds yet."""
    objects = ObjectStore(tmp_path / "state.db")
    made = Names(request.param, objects)
    made.resource()
    yield made
    objects.close()
