"""What is owned goes after its last owner, also when that went while nobody looked."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from penstock_operator.local.apiserver.store import ObjectStore
from penstock_operator.ports import Object


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore(tmp_path / "state.db")


def create(store: ObjectStore, name: str, *owners: Object, namespace: str = "default", **meta: Any) -> Object:
    references = [
        {
            "apiVersion": "v1",
            "kind": "Thing",
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
            "blockOwnerDeletion": True,
        }
        for owner in owners
    ]
    meta = {"name": name, "namespace": namespace, "ownerReferences": references, **meta}
    return store.create({"apiVersion": "v1", "kind": "Thing", "metadata": meta})


def names(store: ObjectStore) -> list[str]:
    return [obj["metadata"]["name"] for obj in store.list("Thing")]


def test_a_whole_line_of_descent_goes_with_its_head(store: ObjectStore) -> None:
    last = head = create(store, "head")
    for number in range(1500):
        last = create(store, f"heir-{number:04}", last)
    create(store, "other")
    store.delete("Thing", "default", head["metadata"]["name"])
    assert names(store) == ["other"]


def test_what_has_another_owner_stays_and_forgets_the_one_who_is_gone(store: ObjectStore) -> None:
    first, second = create(store, "first"), create(store, "second")
    create(store, "child", first, second)
    store.delete("Thing", "default", "first")
    (reference,) = store.get("Thing", "default", "child")["metadata"]["ownerReferences"]
    assert reference["uid"] == second["metadata"]["uid"]
    store.delete("Thing", "default", "second")
    assert names(store) == []


def test_it_waits_until_the_owner_has_gone_and_its_own_finalizers_hold_it(store: ObjectStore) -> None:
    owner = create(store, "owner", finalizers=["f"])
    create(store, "child", owner, finalizers=["f"])
    store.delete("Thing", "default", "owner")
    assert "deletionTimestamp" not in store.get("Thing", "default", "child")["metadata"]
    for name in ("owner", "child"):
        found = store.get("Thing", "default", name)
        store.update({**found, "metadata": {**found["metadata"], "finalizers": []}})
        if name == "owner":
            assert store.get("Thing", "default", "child")["metadata"]["deletionTimestamp"]
    assert names(store) == []


def test_another_of_the_owners_name_and_one_of_another_namespace_own_nothing(store: ObjectStore) -> None:
    owner, far = create(store, "owner"), create(store, "far", namespace="other")
    create(store, "child", owner)
    store.delete("Thing", "default", "owner")
    create(store, "owner")
    since = store.version
    create(store, "strange", far)
    assert names(store) == ["owner", "far"]
    assert [change.type for change in store.changes("Thing", since)] == ["ADDED", "DELETED"]


def test_what_lost_its_owner_while_nobody_looked_goes_at_the_start(store: ObjectStore, tmp_path: Path) -> None:
    create(store, "child", create(store, "owner"))
    store.close()
    with sqlite3.connect(tmp_path / "state.db") as db:
        db.execute("DELETE FROM objects WHERE name = 'owner'")
    db.close()
    assert names(ObjectStore(tmp_path / "state.db")) == []


def test_a_dry_run_collects_nothing(store: ObjectStore) -> None:
    create(store, "child", create(store, "owner"))
    store.delete("Thing", "default", "owner", dry_run=True)
    assert names(store) == ["child", "owner"]
    store.delete("Thing", "default", "owner")
    assert names(store) == []
