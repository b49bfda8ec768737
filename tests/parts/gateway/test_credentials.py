"""Addresses and credentials of stores that change under live runs: taken up without a restart."""

from __future__ import annotations

import asyncio
import base64
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from servers import redis_server

from penstock.gateway import revision
from penstock.gateway.kubernetes import ApiAway

KNOWN = {"entities": [{"id": 1}]}
VECTOR = {"vectors": [[1.0] * 8], "k": 2}


@pytest.fixture(scope="module")
def redis() -> Iterator[str]:
    with redis_server() as connection:
        yield connection


async def answers(gateway: Any, **params: str) -> None:
    async with asyncio.timeout(20):
        while (answer := await gateway.ask("features/images", KNOWN, **params)).status_code != 200:
            await asyncio.sleep(0.02)
    assert answer.json()["rows"][0]["features"]["label"] == "label 1"


def in_sqlite(path: Path) -> dict[str, Any]:
    return {"project": "demo", "onlineStore": {"type": "sqlite", "options": [{"name": "path", "value": str(path)}]}}


async def test_a_store_that_moves_is_followed_by_what_is_live_and_what_is_pinned(
    gateway: Any, staged: Any, tmp_path: Path
) -> None:
    await answers(gateway, run="r-2")
    before = {run: await gateway.catalog.bundle("default", "m", run) for run in ("r-1", "r-2")}
    # Nothing is loaded again while nothing changes.
    await gateway.revision.look(gateway.catalog.entries())
    await asyncio.sleep(0.1)
    assert {run: await gateway.catalog.bundle("default", "m", run) for run in before} == before
    moved = tmp_path / "moved.db"
    shutil.copy(Path(staged.world.folder) / "online.db", moved)
    gateway.objects.specs["FeatureStore", "feast"] = in_sqlite(moved)
    await gateway.revision.look(gateway.catalog.entries())
    async with asyncio.timeout(20):
        while await gateway.catalog.bundle("default", "m") is before["r-1"]:
            # What was loaded answers until the next is whole.
            assert (await gateway.ask("features/images", KNOWN)).status_code == 200
    for run in before:
        after = await gateway.catalog.bundle("default", "m", run)
        assert after is not before[run]
        assert after.views["images"].project._config["online_store"]["path"] == str(moved)
        await answers(gateway, run=run)


async def test_tuning_of_a_milvus_is_taken_up(gateway: Any) -> None:
    gateway.objects.specs["VectorStore", "milvus"] = {"timeoutSeconds": 7}
    await gateway.revision.look(gateway.catalog.entries())
    async with asyncio.timeout(20):
        while True:
            bundle = await gateway.catalog.bundle("default", "m")
            if bundle.collections["images"].server._connection.timeout_seconds == 7:
                break
            await asyncio.sleep(0.02)
    assert (await gateway.ask("vectors/images", VECTOR)).status_code == 200


async def test_an_api_that_is_away_or_a_store_that_is_wrong_leaves_what_answers(
    gateway: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await gateway.catalog.bundle("default", "m")
    get = gateway.objects.get

    async def away(*_: str) -> None:
        raise ApiAway("the Kubernetes API does not answer")

    monkeypatch.setattr(gateway.objects, "get", away)
    await gateway.revision.look(gateway.catalog.entries())
    monkeypatch.setattr(gateway.objects, "get", get)
    gateway.objects.specs["FeatureStore", "feast"] = {"project": "other"}
    await gateway.revision.look(gateway.catalog.entries())
    async with asyncio.timeout(20):
        while not gateway.catalog.entry("default", "m").problem:
            await asyncio.sleep(0.02)
    assert await gateway.catalog.bundle("default", "m") is before
    await answers(gateway)
    gateway.catalog.synced = True
    assert "default/m: run r-1 cannot be loaded: Feast project 'other'" in (await gateway.ask("/readyz")).text


async def test_many_queries_that_fail_have_a_store_read_once_in_a_while(gateway: Any, staged: Any) -> None:
    read = 0
    get = gateway.objects.get

    async def counted(*about: str) -> Any:
        nonlocal read
        read += about[0] == "FeatureStore"
        return await get(*about)

    gateway.objects.get = counted
    bundle = await gateway.catalog.bundle("default", "m")
    for name in ("m", "n"):
        pointer = staged.pointer("r-1")
        pointer.metadata.name = pointer.metadata.uid = name
        gateway.catalog.follow(pointer)
    async with asyncio.timeout(20):
        while gateway.catalog.entry("default", "n").behind:
            await asyncio.sleep(0.02)
    read = 0
    for _ in range(100):
        for name in ("m", "n"):
            gateway.revision.doubt("default", name, bundle)
    await asyncio.sleep(0.3)
    assert read == 1


async def test_a_run_that_is_no_longer_kept_leaves_the_memory_though_nobody_asks(
    gateway: Any, staged: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await answers(gateway, run="r-2")
    entry = gateway.catalog.entry("default", "m")
    assert set(entry.warm) == {"r-1", "r-2"}
    await gateway.revision.tidy(entry)
    assert set(entry.warm) == {"r-1", "r-2"}
    monkeypatch.setattr(staged, "of", _none)
    await entry.pins.refresh(0)
    await gateway.revision.tidy(entry)
    assert set(entry.warm) == {"r-1"}


async def _none(*_: str) -> list[Any]:
    return []


async def test_a_password_that_was_changed_is_read_again_when_a_query_fails(
    gateway_of: Any, stage_runs: Callable[..., Any], redis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from redis import Redis

    monkeypatch.setattr(revision, "DOUBT_SECONDS", 0.1)
    runs = stage_runs({"type": "redis", "connection_string": redis})
    host, port = redis.split(":")

    def secret(password: str) -> dict[str, Any]:
        value = f"{redis},password={password}" if password else redis
        return {"data": {"where": base64.b64encode(value.encode()).decode()}}

    gateway = gateway_of(of=runs)
    option = {"name": "connection_string", "secretKeyRef": {"name": "redis", "key": "where"}}
    spec = {"project": "demo", "onlineStore": {"type": "redis", "options": [option]}}
    gateway.objects.specs["FeatureStore", "feast"] = spec
    gateway.objects.secrets["redis"] = secret("")
    await gateway.serve(runs.pointer("r-1"))
    await answers(gateway)
    admin = Redis(host, int(port))
    try:
        admin.config_set("requirepass", "rotated")
        admin.client_kill_filter(_type="normal", skipme=True)
        refused = await gateway.ask("features/images", KNOWN)
        assert (refused.status_code, "Run r-1: View 'images': " in refused.json()["message"]) == (503, True)
        gateway.objects.secrets["redis"] = secret("rotated")
        await answers(gateway)
    finally:
        Redis(host, int(port), password="rotated").config_set("requirepass", "")
