"""Loads that hang: what they may not hold up."""

from __future__ import annotations

import asyncio
import gc
import threading
from pathlib import Path
from typing import Any

import pytest

from penstock.api.materialization import Materialization
from penstock.gateway import keeper
from penstock.gateway import loader as module
from penstock.gateway.kubernetes import MissingRight
from penstock.rundir import storage

HANGING = 12
"""More than the threads that an event loop has by default on a small machine."""


def named(pointer: Materialization, name: str) -> Materialization:
    return pointer.model_copy(update={"metadata": pointer.metadata.model_copy(update={"name": name, "uid": name})})


async def test_pinned_loads_that_hang_delay_no_live_run_and_no_query(
    gateway: Any, staged: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, released = module.read_manifest, threading.Event()

    def reading(uri: str) -> Any:
        if uri.endswith("r-2"):
            released.wait(30)
        return read(uri)

    monkeypatch.setattr(module, "read_manifest", reading)
    catalog = gateway.catalog
    pinned = []
    for number in range(HANGING):
        catalog.follow(named(staged.pointer("r-1"), f"m{number}"))
        pinned.append(asyncio.create_task(catalog.bundle("default", f"m{number}", "r-2")))
    try:
        async with asyncio.timeout(10):
            while any(catalog.entry("default", f"m{number}").behind for number in range(HANGING)):
                await asyncio.sleep(0.01)
            answer = await gateway.ask("features/images", {"entities": [{"id": 1}]})
        assert (answer.status_code, answer.json()["run"]) == (200, "r-1")
        assert not any(task.done() for task in pinned)
    finally:
        released.set()
    assert {bundle.run for bundle in await asyncio.gather(*pinned)} == {"r-2"}


async def test_a_run_is_loaded_from_an_object_store(gateway: Any, staged: Any, s3: str) -> None:
    root = Path(staged.world.folder)
    for path in (root / "r-2").rglob("*"):
        if path.is_file():
            storage.replace(f"{s3}/{path.relative_to(root)}", path.read_bytes())
    pointer = staged.pointer("r-2", serving="InMemory")
    pointer.status.active.uri = f"{s3}/r-2"
    gateway.catalog.follow(named(pointer, "far"))
    async with asyncio.timeout(10):
        while gateway.catalog.entry("default", "far").behind:
            await asyncio.sleep(0.01)
    query = {"inputs": [[0.5, 1.0, -1.0, 2.0]], "k": 2}
    answer = await gateway.http.post("/v1/default/far/vectors/images", json=query)
    assert (answer.status_code, answer.json()["run"], len(answer.json()["results"][0])) == (200, "r-2", 2)
    about = (await gateway.ask("/v1/default/far")).json()["collections"][0]
    assert (about["serving"], about["encoder"]["shape"]) == ("InMemory", [4])


async def test_a_store_whose_secret_may_not_be_read_is_named_and_the_rest_is_served(
    gateway: Any, staged: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def get(kind: str, namespace: str, name: str) -> None:
        raise MissingRight("the gateway may not get Secret 'key' in namespace 'default': grant it", 403)

    monkeypatch.setattr(gateway.objects, "get", get)
    monkeypatch.setattr(keeper, "FIRST_WAIT", 0.01)
    gateway.catalog.synced = True
    gateway.catalog.follow(named(staged.pointer("r-2"), "locked"))
    async with asyncio.timeout(10):
        while (ready := await gateway.ask("/readyz")).status_code != 200:
            assert "default/locked: " in ready.json()["message"]
            await asyncio.sleep(0.01)
    assert "default/locked: run r-2 cannot be loaded: the gateway may not get Secret 'key'" in ready.text
    assert (await gateway.ask("features/images", {"entities": [{"id": 1}]})).status_code == 200
    assert (await gateway.ask("/v1/default/locked")).status_code == 503


async def test_the_connections_of_a_store_that_nothing_is_served_from_go(gateway: Any) -> None:
    assert (await gateway.ask("features/images", {"entities": [{"id": 1}]})).status_code == 200
    assert (await gateway.ask("vectors/images", {"vectors": [[0.0] * 8]})).status_code == 200
    connections = gateway.catalog._loader._connections
    assert (len(connections._projects), len(connections._servers)) == (1, 1)
    gateway.catalog.forget("default", "m")
    async with asyncio.timeout(10):
        while connections._projects or connections._servers:
            gc.collect()
            await asyncio.sleep(0.01)
