"""The local cluster finds who refers to what by an index that follows what is written, and lists nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from penstock.api.meta import API_VERSION
from penstock_operator.local.apiserver import changelog
from penstock_operator.local.apiserver.cluster import LocalCluster
from penstock_operator.local.apiserver.store import ObjectStore
from penstock_operator.references import store as store_of


class Counting(ObjectStore):
    """Counts how often all objects of a kind are read."""

    lists = 0

    def list(self, kind: str, namespace: str | None = None) -> Any:
        self.lists += 1
        return super().list(kind, namespace)


def collection(name: str, store: str, namespace: str = "default") -> dict[str, Any]:
    meta = {"name": name, "namespace": namespace}
    spec = {"storeRef": {"name": store}, "dimension": 4}
    return {"apiVersion": API_VERSION, "kind": "VectorCollection", "metadata": meta, "spec": spec}


async def test_it_follows_what_is_created_changed_and_deleted_and_reads_all_once(tmp_path: Path) -> None:
    objects = Counting(tmp_path / "state.db")
    cluster = LocalCluster(objects)

    async def found(namespace: str | None = "default") -> list[str]:
        refer = await cluster.referring("VectorCollection", namespace, store_of, "milvus")
        return sorted(f"{obj['metadata']['namespace']}/{obj['metadata']['name']}" for obj in refer)

    objects.create(collection("a", "milvus"))
    assert await found() == ["default/a"]
    objects.create(collection("b", "milvus"))
    objects.create(collection("c", "other"))
    objects.create(collection("a", "milvus", "team"))
    assert await found() == ["default/a", "default/b"]
    assert await found(None) == ["default/a", "default/b", "team/a"]
    written = objects.get("VectorCollection", "default", "b")
    objects.update_status({**written, "status": {"run": "r-1"}})
    (b,) = [
        obj
        for obj in await cluster.referring("VectorCollection", "default", store_of, "milvus")
        if obj["metadata"]["name"] == "b"
    ]
    assert b["status"]["run"] == "r-1"
    objects.delete("VectorCollection", "default", "a")
    assert await found() == ["default/b"]
    assert objects.lists == 1
    objects.close()


async def test_it_reads_all_again_when_the_log_does_not_reach_back_so_far(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changelog, "KEPT_CHANGES", 2)
    objects = ObjectStore(tmp_path / "state.db")
    cluster = LocalCluster(objects)
    objects.create(collection("a", "milvus"))
    assert len(await cluster.referring("VectorCollection", "default", store_of, "milvus")) == 1
    objects.delete("VectorCollection", "default", "a")
    for number in range(5):
        objects.create(collection(f"b{number}", "milvus"))
    found = await cluster.referring("VectorCollection", "default", store_of, "milvus")
    assert sorted(obj["metadata"]["name"] for obj in found) == [f"b{number}" for number in range(5)]
    objects.close()
