"""Data that has gone from under a pointer: the gateway says so, and never that there are no such entities."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pymilvus import MilvusClient
from servers import redis_server

from penstock.gateway.features import THREADS
from penstock_operator.adapters.feast.views import drop_view

KNOWN, UNKNOWN = {"entities": [{"id": 1}]}, {"entities": [{"id": 999}]}
VECTOR = {"vectors": [[1.0] * 8], "k": 2}
JOINED = VECTOR | {"join": {"view": "images"}}


@pytest.fixture(scope="module")
def redis() -> Iterator[str]:
    with redis_server() as connection:
        yield connection


@pytest.fixture
def lost(stage_runs: Callable[..., Any]) -> Any:
    """Runs of this test's own, for it to lose."""
    return stage_runs()


async def refused(gateway: Any, path: str, query: dict[str, Any], *words: str) -> None:
    answer = await gateway.ask(path, query)
    assert (answer.status_code, answer.json()["run"]) == (503, "r-1"), answer.text
    for word in ("Run r-1: ", *words):
        assert word in answer.json()["message"]


def table_dropped(runs: Any) -> None:
    """What a person does with sqlite3."""
    with closing(sqlite3.connect(Path(runs.world.folder) / "online.db")) as db:
        db.execute(f'DROP TABLE "demo_{runs.outputs("r-1")[0]["physical"]}"')
        db.commit()


def rows_deleted(runs: Any) -> None:
    with closing(sqlite3.connect(Path(runs.world.folder) / "online.db")) as db:
        db.execute(f'DELETE FROM "demo_{runs.outputs("r-1")[0]["physical"]}"')
        db.commit()


def view_dropped(runs: Any) -> None:
    """What another Materialization's clean-up would do that thinks it its own."""
    drop_view(runs.world.config, runs.outputs("r-1")[0]["physical"])


@pytest.mark.parametrize("lose", [table_dropped, rows_deleted, view_dropped])
async def test_a_view_whose_table_has_gone_is_503_for_every_query(
    gateway_of: Any, lost: Any, lose: Callable[[Any], None]
) -> None:
    gateway = gateway_of(of=lost)
    await gateway.serve(lost.pointer("r-1"))
    answer = await gateway.ask("features/images", UNKNOWN)
    assert (answer.status_code, answer.json()["rows"][0]["features"]) == (200, None)
    lose(lost)
    # In threads that have asked before, and in those that have not.
    for query in (KNOWN, UNKNOWN) * THREADS * 2:
        await refused(gateway, "features/images", query, "View 'images'")
    await refused(gateway, "vectors/images", JOINED, "View 'images'")
    assert (await gateway.ask("vectors/images", VECTOR)).status_code == 200
    assert (await gateway.ask("features/images", KNOWN, run="r-2")).status_code == 200


@pytest.mark.parametrize("lose", ["view", "keys"])
async def test_a_redis_that_knows_nothing_of_the_run_is_503_and_one_that_lets_go_of_rows_in_time_is_not(
    gateway_of: Any, stage_runs: Callable[..., Any], redis: str, lose: str
) -> None:
    from redis import Redis

    lost = stage_runs({"type": "redis", "connection_string": redis})
    gateway, expiring = gateway_of(of=lost), gateway_of(of=lost)
    option = {"name": "connection_string", "value": redis}
    store = {"project": "demo", "onlineStore": {"type": "redis", "options": [option]}}
    gateway.objects.specs["FeatureStore", "feast"] = store
    expires = {"type": "redis", "options": [option, {"name": "key_ttl_seconds", "value": "1000"}]}
    expiring.objects.specs["FeatureStore", "feast"] = store | {"onlineStore": expires}
    for one in (gateway, expiring):
        await one.serve(lost.pointer("r-1"))
    answer = await gateway.ask("features/images", {"entities": [{"id": 1}, {"id": 999}]})
    assert [row["features"] is None for row in answer.json()["rows"]] == [False, True]
    assert (await gateway.ask("features/images", UNKNOWN)).json()["rows"][0]["features"] is None
    if lose == "view":
        view_dropped(lost)
    else:
        host, port = redis.split(":")
        Redis(host, int(port)).flushall()
        assert (await expiring.ask("features/images", KNOWN)).status_code == 200
    for query in (KNOWN, UNKNOWN) * THREADS * 2:
        await refused(gateway, "features/images", query, "View 'images'")
    await refused(gateway, "vectors/images", JOINED, "View 'images'")


async def test_a_collection_that_has_gone_is_503_with_a_filter_too_and_one_in_memory_answers_on(
    gateway_of: Any, lost: Any
) -> None:
    gateway, memory = gateway_of(of=lost), gateway_of(of=lost)
    await gateway.serve(lost.pointer("r-1"))
    await memory.serve(lost.pointer("r-1", serving="InMemory"))
    before = await memory.ask("vectors/images", VECTOR)
    with closing(MilvusClient(uri=lost.world.milvus_uri)) as client:
        client.drop_collection(lost.outputs("r-1")[1]["physical"])
    for query in (VECTOR, VECTOR | {"filter": "digit == 3"}, JOINED):
        await refused(gateway, "vectors/images", query, "Collection 'images'", "any more")
    await refused(memory, "vectors/images", VECTOR | {"filter": "digit == 3"}, "Collection 'images'", "any more")
    assert (await memory.ask("vectors/images", VECTOR)).json() == before.json()
    assert (await gateway.ask("features/images", KNOWN)).status_code == 200


async def test_a_collection_whose_rows_have_gone_is_503(gateway_of: Any, lost: Any) -> None:
    gateway = gateway_of(of=lost)
    await gateway.serve(lost.pointer("r-1"))
    none = await gateway.ask("vectors/images", VECTOR | {"filter": "digit == 333"})
    assert (none.status_code, none.json()["results"]) == (200, [[]])
    with closing(MilvusClient(uri=lost.world.milvus_uri)) as client:
        client.delete(lost.outputs("r-1")[1]["physical"], filter="id >= 0")
    async with asyncio.timeout(20):
        while (await gateway.ask("vectors/images", VECTOR)).status_code == 200:
            # What was deleted is seen by a reader a little later.
            await asyncio.sleep(0.1)
    for query in (VECTOR, VECTOR | {"filter": "digit == 3"}):
        await refused(gateway, "vectors/images", query, "Collection 'images'", "no rows any more, and the run wrote 40")
