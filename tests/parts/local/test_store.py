"""The object store keeps the promises of the Kubernetes API, also across a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from penstock_operator.local.apiserver import changelog
from penstock_operator.local.apiserver.errors import AlreadyExists, Gone, NotFound, Stale
from penstock_operator.local.apiserver.store import ObjectStore
from penstock_operator.ports import Object


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore(tmp_path / "state.db")


def thing(name: str = "a", **spec: object) -> Object:
    return {"apiVersion": "v1", "kind": "Thing", "metadata": {"name": name, "namespace": "default"}, "spec": spec}


def test_create_sets_identity_and_refuses_a_second(store: ObjectStore) -> None:
    made = store.create(thing(x=1))
    assert made["metadata"]["generation"] == 1
    assert made["metadata"]["uid"]
    with pytest.raises(AlreadyExists):
        store.create(thing())
    assert store.get("Thing", "default", "a") == made


def test_the_generation_counts_changes_of_the_spec_alone(store: ObjectStore) -> None:
    made = store.create(thing(x=1))
    labelled = store.update({**made, "metadata": {**made["metadata"], "labels": {"a": "b"}}})
    assert labelled["metadata"]["generation"] == 1
    with_status = store.update_status({**labelled, "status": {"ok": True}})
    assert with_status["metadata"]["generation"] == 1
    changed = store.update({**with_status, "spec": {"x": 2}, "status": {"ok": False}})
    assert changed["metadata"]["generation"] == 2
    assert changed["status"] == {"ok": True}


def test_a_stale_write_is_refused(store: ObjectStore) -> None:
    old = store.create(thing(x=1))
    store.update({**old, "spec": {"x": 2}})
    with pytest.raises(Stale):
        store.update_status({**old, "status": {"ok": True}})


def test_a_write_that_changes_nothing_makes_no_version(store: ObjectStore) -> None:
    made = store.create(thing(x=1))
    assert store.update(made)["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


def test_finalizers_hold_an_object_until_the_last_is_gone(store: ObjectStore) -> None:
    made = store.create({**thing(), "metadata": {"name": "a", "namespace": "default", "finalizers": ["f"]}})
    marked = store.delete("Thing", "default", "a")
    assert marked["metadata"]["deletionTimestamp"]
    assert store.get("Thing", "default", "a")["metadata"]["uid"] == made["metadata"]["uid"]
    store.update({**marked, "metadata": {**marked["metadata"], "finalizers": []}})
    with pytest.raises(NotFound):
        store.get("Thing", "default", "a")


def test_a_watch_resumes_where_it_was_and_learns_when_it_is_too_late(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changelog, "KEPT_CHANGES", 10)
    made = store.create(thing(x=0))
    since = store.version
    store.update({**made, "spec": {"x": 1}})
    store.delete("Thing", "default", "a")
    assert [change.type for change in store.changes("Thing", since)] == ["MODIFIED", "DELETED"]
    current = store.create(thing(x=0))
    for x in range(20):
        current = store.update({**current, "spec": {"x": x + 1}})
    with pytest.raises(Gone):
        store.changes("Thing", since)


WRITER = """
import sys
from penstock_operator.local.apiserver.store import ObjectStore
store = ObjectStore(sys.argv[1])
meta = {"name": "a", "namespace": "default"}
made = store.create({"apiVersion": "v1", "kind": "Thing", "metadata": meta, "spec": {}})
n = 0
while True:
    n += 1
    made = store.update({**made, "spec": {"n": n}})
    print(n, flush=True)
"""


def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    deadline = time.monotonic() + 20
    acknowledged = 0
    while acknowledged < 20 and time.monotonic() < deadline:
        acknowledged = int(writer.stdout.readline())
    os.kill(writer.pid, signal.SIGKILL)
    rest = writer.communicate()[0].split()
    last = int(rest[-1]) if rest else acknowledged
    found = ObjectStore(path).get("Thing", "default", "a")
    assert found["spec"]["n"] in (last, last + 1)
    assert found["metadata"]["generation"] == found["spec"]["n"] + 1
