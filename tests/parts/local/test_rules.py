"""A kind's rules for users: what they may delete, and what the control plane alone makes; it is bound by neither."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from penstock.api import VectorStore
from penstock.api.meta import Rule
from penstock_operator.local.apiserver.api import create_app
from penstock_operator.local.apiserver.cluster import LocalCluster
from penstock_operator.local.apiserver.store import ObjectStore
from penstock_operator.ports import Object

PATH = "/apis/penstock.dev/v1alpha1/namespaces/default/vectorstores"
MERGE = {"content-type": "application/merge-patch+json"}
RULE = Rule("!has(oldObject.metadata.labels) || !('served' in oldObject.metadata.labels)", "it is served: unpin it")


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore(tmp_path / "state.db")


@pytest.fixture
async def http(store: ObjectStore) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=create_app(store)), base_url="http://api") as http:
        yield http


def vectors(**meta: Any) -> Object:
    return {
        "apiVersion": "penstock.dev/v1alpha1",
        "kind": "VectorStore",
        "metadata": {"name": "milvus", "namespace": "default", **meta},
        "spec": {},
    }


def refusal(answer: httpx2.Response) -> tuple[int, str, str]:
    body = answer.json()
    return answer.status_code, body["reason"], body["message"].partition(" is forbidden: ")[2]


async def test_what_a_rule_keeps_is_not_deleted_by_a_user(
    store: ObjectStore, http: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(VectorStore, "DELETION_RULES", (RULE,))
    store.create(vectors(labels={"served": "yes"}, finalizers=["f"]))
    for params in ({}, {"dryRun": "All"}):
        assert refusal(await http.delete(f"{PATH}/milvus", params=params)) == (403, "Forbidden", RULE.message)
    await http.patch(f"{PATH}/milvus", json={"metadata": {"labels": {"served": None}}}, headers=MERGE)
    assert (await http.delete(f"{PATH}/milvus")).status_code == 200
    assert store.get("VectorStore", "default", "milvus")["metadata"]["deletionTimestamp"]
    await http.patch(f"{PATH}/milvus", json={"metadata": {"labels": {"served": "again"}}}, headers=MERGE)
    assert (await http.delete(f"{PATH}/milvus")).status_code == 200, "it goes already"


async def test_the_control_plane_and_the_garbage_collector_are_not_asked(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(VectorStore, "DELETION_RULES", (RULE,))
    monkeypatch.setattr(VectorStore, "MANAGED", True)
    cluster = LocalCluster(store)
    made = await cluster.create(vectors(labels={"served": "yes"}))
    made = await cluster.replace_spec(made, {"timeoutSeconds": 20})
    await cluster.delete(made)
    owner = store.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "default"}})
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": owner["metadata"]["uid"]}
    await cluster.create(vectors(labels={"served": "yes"}, ownerReferences=[reference]))
    store.delete("ConfigMap", "default", "a")
    assert store.list("VectorStore") == []


async def test_a_rule_that_cannot_be_evaluated_refuses(
    store: ObjectStore, http: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(VectorStore, "DELETION_RULES", (Rule("oldObject.status.served == 0", "it is served"),))
    store.create(vectors())
    assert refusal(await http.delete(f"{PATH}/milvus")) == (403, "Forbidden", "it is served")


async def test_a_managed_kind_is_made_and_its_spec_changed_by_the_control_plane_alone(
    store: ObjectStore, http: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(VectorStore, "MANAGED", True)
    code, reason, message = refusal(await http.post(PATH, json=vectors()))
    assert (code, reason, message) == (403, "Forbidden", "a VectorStore is made by Penstock alone")
    apply = {"content-type": "application/apply-patch+yaml"}
    applied = await http.patch(f"{PATH}/milvus", json=vectors(), headers=apply, params={"fieldManager": "me"})
    assert applied.status_code == 403
    store.create(vectors())
    changed = await http.patch(f"{PATH}/milvus", json={"spec": {"timeoutSeconds": 20}}, headers=MERGE)
    assert refusal(changed)[2] == "the spec of a VectorStore is changed by Penstock alone"
    labelled = await http.patch(f"{PATH}/milvus", json={"metadata": {"labels": {"a": "b"}}}, headers=MERGE)
    assert (labelled.status_code, labelled.json()["metadata"]["labels"]) == (200, {"a": "b"})
    assert (await http.delete(f"{PATH}/milvus")).status_code == 200
