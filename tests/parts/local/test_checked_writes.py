"""Whoever writes, the local control plane takes what a cluster takes, and shows what a cluster shows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from penstock.api import VectorStore
from penstock_operator.local.apiserver.api import create_app
from penstock_operator.local.apiserver.cluster import LocalCluster
from penstock_operator.local.apiserver.errors import Invalid
from penstock_operator.local.apiserver.resources import BY_KIND
from penstock_operator.local.apiserver.store import ObjectStore
from penstock_operator.ports import Conflict, Object, Refused

PATH = "/apis/penstock.dev/v1alpha1/namespaces/default/vectorstores"
CONDITION = {
    "type": "Ready",
    "status": "True",
    "reason": "Ready",
    "message": "",
    "observedGeneration": 1,
    "lastTransitionTime": "2026-01-01T00:00:00Z",
}
BAD = {
    "a type": ({"observedGeneration": "1"}, "status.observedGeneration: Invalid value"),
    "an enum": ({"conditions": [{**CONDITION, "status": "Maybe"}]}, "status.conditions[0].status: Unsupported value"),
    "a required field": ({"conditions": [{"type": "Ready"}]}, "Required value"),
    "a bound": ({"conditions": [{**CONDITION, "message": "x" * 40_000}]}, "Too long: may not be more than 32768"),
    "too many": ({"conditions": [{**CONDITION, "type": f"T{n}"} for n in range(17)]}, "must have at most 16 items"),
    "a time": ({"conditions": [{**CONDITION, "lastTransitionTime": "now"}]}, "must be of type date-time"),
    "a key twice": ({"conditions": [CONDITION, CONDITION]}, "Duplicate value"),
}


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore(tmp_path / "state.db")


@pytest.fixture
async def http(store: ObjectStore) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=create_app(store)), base_url="http://api") as http:
        yield http


def vectors(**spec: Any) -> Object:
    meta = {"name": "milvus", "namespace": "default"}
    return {"apiVersion": "penstock.dev/v1alpha1", "kind": "VectorStore", "metadata": meta, "spec": spec}


def found(store: ObjectStore) -> Object:
    return store.get("VectorStore", "default", "milvus")


UNSEEN = {"observedGeneration": 0, "conditions": []}
"""The status of what nobody has looked at."""


@pytest.mark.parametrize("case", BAD)
async def test_a_bad_status_is_refused_to_whoever_writes_it(
    store: ObjectStore, http: httpx2.AsyncClient, case: str
) -> None:
    status, message = BAD[case]
    made = store.create(vectors())
    with pytest.raises(Refused) as refused:
        await LocalCluster(store).write_status(made, status)
    assert message in str(refused.value)
    for answer in (
        await http.put(f"{PATH}/milvus/status", json={**made, "status": status}),
        await http.patch(f"{PATH}/milvus/status", json={"status": status}),
    ):
        assert (answer.status_code, answer.json()["reason"]) == (422, "Invalid")
        assert message in answer.json()["message"]
        assert answer.json()["details"]["causes"][0]["field"].startswith("status.")
    assert found(store)["status"] == UNSEEN


async def test_a_field_that_a_status_does_not_have_is_dropped_and_where_asked_refused(
    store: ObjectStore, http: httpx2.AsyncClient
) -> None:
    made = store.create(vectors())
    status = {"conditions": [{**CONDITION, "colour": "red"}], "runs": []}
    written = await LocalCluster(store).write_status(made, status)
    assert written["status"] == found(store)["status"] == {"observedGeneration": 0, "conditions": [CONDITION]}
    sent = {**made, "metadata": {"name": "milvus"}, "status": status}
    strict = await http.put(f"{PATH}/milvus/status", json=sent, params={"fieldValidation": "Strict"})
    assert strict.status_code == 422
    assert 'unknown field "status.runs"' in strict.json()["message"]


async def test_a_field_that_a_spec_does_not_have_is_refused_unless_the_caller_lets_it_go(
    store: ObjectStore, http: httpx2.AsyncClient
) -> None:
    refused = await http.post(PATH, json=vectors(colour="red"))
    assert (refused.status_code, 'unknown field "spec.colour"' in refused.text.replace("\\", "")) == (422, True)
    taken = await http.post(PATH, json=vectors(colour="red"), params={"fieldValidation": "Ignore"})
    assert (taken.status_code, "colour" in taken.json()["spec"]) == (201, False)


async def test_the_reconcilers_create_and_change_by_the_schema_too(store: ObjectStore) -> None:
    cluster = LocalCluster(store)
    with pytest.raises(Refused, match=r"spec\.timeoutSeconds: Invalid value"):
        await cluster.create(vectors(timeoutSeconds=301))
    made = await cluster.create({**vectors(), "status": {"conditions": [CONDITION]}})
    assert (made["spec"], made["status"]) == ({"database": "default", "timeoutSeconds": 10}, UNSEEN)
    with pytest.raises(Conflict, match="already"):
        await cluster.create(vectors())
    with pytest.raises(Refused):
        await cluster.replace_spec(made, {**made["spec"], "timeoutSeconds": 0})
    changed = await cluster.replace_spec(made, {**made["spec"], "timeoutSeconds": 20})
    assert (changed["spec"]["timeoutSeconds"], changed["metadata"]["generation"]) == (20, 2)
    with pytest.raises(Conflict):
        await cluster.replace_spec(made, {**made["spec"], "timeoutSeconds": 30})


async def test_the_reconcilers_delete_an_object_and_no_other_of_its_name(store: ObjectStore) -> None:
    cluster = LocalCluster(store)
    first = await cluster.create(vectors())
    await cluster.delete(first)
    second = await cluster.create({**vectors(), "metadata": {**vectors()["metadata"], "finalizers": ["f"]}})
    await cluster.delete(first)
    assert "deletionTimestamp" not in found(store)["metadata"]
    await cluster.delete(second)
    assert found(store)["metadata"]["deletionTimestamp"]
    assert found(store)["metadata"]["generation"] == 2
    await cluster.delete(found(store))
    await cluster.write_finalizers(found(store), [])
    await cluster.delete(second)
    assert await cluster.get("VectorStore", "default", "milvus") is None


async def test_what_was_stored_under_another_schema_can_be_changed_elsewhere(
    store: ObjectStore, tmp_path: Path
) -> None:
    before = ObjectStore(tmp_path / "state.db", kinds={})
    stored = before.create(vectors(timeoutSeconds="5", colour="red"))
    before.update_status({**stored, "status": {"conditions": [{**CONDITION, "status": "Maybe"}]}})
    before.close()
    cluster, obj = LocalCluster(store), found(store)
    assert obj["spec"]["timeoutSeconds"] == "5"
    assert "colour" not in obj["spec"]
    obj = await cluster.write_finalizers(obj, ["f"])
    another = {**CONDITION, "type": "Reconciled"}
    obj = await cluster.write_status(obj, {"conditions": [*obj["status"]["conditions"], another]})
    with pytest.raises(Refused, match=r"spec\.timeoutSeconds"):
        await cluster.replace_spec(obj, {"timeoutSeconds": "6"})
    with pytest.raises(Refused, match=r"status\.conditions\[0\]"):
        await cluster.write_status(obj, {"conditions": [{**CONDITION, "status": "Perhaps"}, another]})


def test_a_rule_about_changes_is_asked_though_nothing_changed_and_one_about_values_is_not() -> None:
    rules = [
        {"rule": "self.n < 2", "message": "too large"},
        {"rule": "self.n > oldSelf.n", "message": "must grow"},
    ]
    from penstock.crds.rules import Rules

    schema = {"type": "object", "x-kubernetes-validations": rules}
    checked = Rules().check
    assert [error.message.split(": ")[-1] for error in checked({"n": 5}, {"n": 5}, schema)] == ["must grow"]
    assert [error.message.split(": ")[-1] for error in checked({"n": 5}, {"n": 4}, schema)] == ["too large"]
    assert len(checked({"n": True}, {"n": 1}, {**schema, "x-kubernetes-validations": rules[:1]})) == 1


async def test_a_status_that_the_schema_gives_is_shown_from_the_start_and_costs_no_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pending = {"observedGeneration": 0, "conditions": [{**CONDITION, "status": "Unknown", "reason": "Pending"}]}
    old = ObjectStore(tmp_path / "state.db")
    old.create({**vectors(), "metadata": {"name": "older", "namespace": "default"}})
    old.close()
    status: Any = VectorStore.model_fields["status"]
    born = status.annotation.model_validate(pending)
    monkeypatch.setattr(VectorStore, "BORN_WITH_STATUS", True)
    monkeypatch.setattr(status, "default_factory", lambda: born)
    store = ObjectStore(tmp_path / "state.db", kinds={"VectorStore": replace(BY_KIND["VectorStore"])})
    made = store.create({**vectors(), "status": {"observedGeneration": 7}})
    assert made["status"] == pending
    assert [obj["status"] for obj in store.list("VectorStore")] == [pending, pending]
    assert [change.object["status"] for change in store.changes("VectorStore", 0)] == [pending, pending]
    assert store.version == int(made["metadata"]["resourceVersion"])
    ready = {"observedGeneration": 1, "conditions": [CONDITION]}
    written = await LocalCluster(store).write_status(made, ready)
    changed = store.update({**written, "spec": {"timeoutSeconds": 20}, "status": {}})
    assert (changed["status"], changed["metadata"]["generation"]) == (ready, 2)
    with pytest.raises(Invalid):
        store.update_status({**changed, "status": {"conditions": [{}]}})


async def test_a_dry_run_says_all_that_the_write_would_and_keeps_nothing(
    store: ObjectStore, http: httpx2.AsyncClient
) -> None:
    dry = {"dryRun": "All"}
    assert (await http.post(PATH, json=vectors(), params=dry)).status_code == 201
    assert store.list("VectorStore") == []
    made = store.create(vectors())
    assert (await http.post(PATH, json=vectors(), params=dry)).status_code == 409
    stale = {**made, "metadata": {**made["metadata"], "resourceVersion": "999"}}
    assert (await http.put(f"{PATH}/milvus", json=stale, params=dry)).status_code == 409
    changed = await http.put(f"{PATH}/milvus", json={**made, "spec": {"timeoutSeconds": 20}}, params=dry)
    assert changed.json()["metadata"]["generation"] == 2
    put = await http.put(f"{PATH}/milvus/status", json={**made, "status": {"conditions": [CONDITION]}}, params=dry)
    assert put.json()["status"]["conditions"] == [CONDITION]
    assert found(store) == made
