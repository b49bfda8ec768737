"""A watch with a selector tells what enters and leaves the selection, as the Kubernetes API does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from penstock_operator.local.apiserver import changelog
from penstock_operator.local.apiserver.api import create_app
from penstock_operator.local.apiserver.store import ObjectStore

PATH = "/api/v1/namespaces/default/configmaps"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[ObjectStore]:
    store = ObjectStore(tmp_path / "state.db")
    yield store
    store.close()


def make(store: ObjectStore, name: str, **labels: str) -> dict[str, Any]:
    meta = {"name": name, "namespace": "default", "labels": labels}
    return store.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"n": "0"}})


def label(store: ObjectStore, name: str, n: str, **labels: str) -> dict[str, Any]:
    obj = store.get("ConfigMap", "default", name)
    return store.update({**obj, "metadata": {**obj["metadata"], "labels": labels}, "data": {"n": n}})


async def watched(store: ObjectStore, version: int, **query: str) -> list[tuple[str, str, str, int]]:
    """What a watch from a version tells of the past: type, name, value and version of each event."""
    params = {"watch": "true", "resourceVersion": str(version), "timeoutSeconds": "0.2", **query}
    transport = httpx2.ASGITransport(app=create_app(store))
    async with httpx2.AsyncClient(transport=transport, base_url="http://api") as http:
        answer = await asyncio.wait_for(http.get(PATH, params=params), 10)
    found = []
    for event in map(json.loads, answer.text.splitlines()):
        obj = event["object"]
        meta = obj["metadata"]
        found.append((event["type"], meta["name"], obj["data"]["n"], int(meta["resourceVersion"])))
    return found


async def test_an_object_that_stops_matching_is_told_as_deleted_and_one_that_begins_to_as_added(
    store: ObjectStore,
) -> None:
    make(store, "leaves", team="a")
    make(store, "enters", team="b")
    make(store, "never", team="b")
    since = store.version
    label(store, "leaves", "1", team="a")
    left = label(store, "leaves", "2", team="b")
    label(store, "leaves", "3", team="b")
    entered = label(store, "enters", "1", team="a")
    label(store, "never", "1", team="c")
    store.delete("ConfigMap", "default", "never")
    store.delete("ConfigMap", "default", "leaves")
    store.delete("ConfigMap", "default", "enters")
    assert await watched(store, since, labelSelector="team=a") == [
        ("MODIFIED", "leaves", "1", since + 1),
        ("DELETED", "leaves", "1", int(left["metadata"]["resourceVersion"])),
        ("ADDED", "enters", "1", int(entered["metadata"]["resourceVersion"])),
        ("DELETED", "enters", "1", store.version),
    ]
    plain = [type_ for type_, *_ in await watched(store, since)]
    assert plain == [*["MODIFIED"] * 5, *["DELETED"] * 3]


async def test_a_watch_from_an_older_version_knows_what_matched_then(store: ObjectStore) -> None:
    make(store, "a", team="a")
    make(store, "b", team="b")
    old = label(store, "a", "1", team="b")
    since = int(old["metadata"]["resourceVersion"])
    label(store, "a", "2", team="c")
    label(store, "b", "1", team="a")
    make(store, "c", team="a")
    assert [event[:2] for event in await watched(store, since, labelSelector="team=b")] == [
        ("DELETED", "a"),
        ("DELETED", "b"),
    ]
    assert [event[:2] for event in await watched(store, since, labelSelector="team=a")] == [
        ("ADDED", "b"),
        ("ADDED", "c"),
    ]
    assert await watched(store, since, fieldSelector="metadata.name=d") == []


async def test_a_reader_lists_again_where_the_log_has_lost_what_matched(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changelog, "KEPT_CHANGES", 5)
    make(store, "old", team="a")
    for n in range(10):
        make(store, f"other-{n}")
    since = store.version
    assert await watched(store, since, labelSelector="team=a") == []
    label(store, "old", "1", team="b")
    params = {"watch": "true", "resourceVersion": str(since), "timeoutSeconds": "0.2", "labelSelector": "team=a"}
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=create_app(store)), base_url="http://api") as http:
        (event,) = map(json.loads, (await http.get(PATH, params=params)).text.splitlines())
    assert (event["type"], event["object"]["code"]) == ("ERROR", 410)


async def test_a_watch_that_begins_with_what_is_goes_on_with_what_leaves(store: ObjectStore) -> None:
    make(store, "a", team="a")
    seen: list[str] = []

    async def watch() -> None:
        seen.extend(event[0] for event in await watched(store, 0, labelSelector="team", timeoutSeconds="1"))

    task = asyncio.create_task(watch())
    await asyncio.sleep(0.2)
    label(store, "a", "1", other="x")
    await task
    assert seen == ["ADDED", "DELETED"]
