"""Collections, aliases and search on Milvus Lite's own server, and its absence."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from stored import search_rows

from penstock.api.views import IndexType
from penstock.columns.table import ValueType
from penstock.handoff import CollectionTarget, MilvusConnection
from penstock.stores.milvus.client import connect
from penstock.stores.milvus.writer import MilvusWriter
from penstock_operator.adapters.milvus.vectors import MilvusVectors
from penstock_operator.ports import Refused, Unreachable

VECTORS = MilvusVectors()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def milvus() -> Iterator[MilvusConnection]:
    port = free_port()
    program = str(Path(sys.executable).with_name("milvus-lite"))
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "server", "--data-dir", folder, "--host", "127.0.0.1", "--port", str(port)]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            yield MilvusConnection(uri=f"http://127.0.0.1:{port}", timeout_seconds=5)
        finally:
            server.terminate()
            server.wait(20)


def target(connection: MilvusConnection, name: str) -> CollectionTarget:
    return CollectionTarget.model_validate(
        {
            "output": "embeddings",
            "resource": "images",
            "store": "milvus",
            "collection": name,
            "connection": connection.model_dump(),
            "dimension": 8,
            "metric": "Cosine",
            "index": {},
            "scalarFields": [{"name": "label", "type": "Int64"}],
        }
    )


def rows(n: int, label: int = 0) -> pa.RecordBatch:
    vectors = np.random.default_rng(0).normal(size=(n, 8)).astype(np.float32)
    column = pa.FixedSizeListArray.from_arrays(vectors.ravel(), 8)
    return pa.record_batch({"id": list(range(n)), "vector": column, "label": [label] * n})


def fill(connection: MilvusConnection, name: str, n: int = 50) -> CollectionTarget:
    made = target(connection, name)
    with connect(connection) as client:
        writer = MilvusWriter(client, made)
        assert writer.prepare(ValueType.INT64)
        assert list(writer.write(iter([rows(n)]))) == [n]
        writer.index(IndexType.HNSW)
    return made


def test_writing_twice_changes_nothing_and_search_finds_the_row_itself(milvus: MilvusConnection) -> None:
    made = fill(milvus, "twice__1")
    with connect(milvus) as client:
        writer = MilvusWriter(client, made)
        assert not writer.prepare(ValueType.INT64)
        assert list(writer.write(iter([rows(20, label=7), rows(50, label=7)]))) == [20, 50]
        assert writer.count() == 50
    query = np.stack(rows(50).column("vector").to_numpy(zero_copy_only=False)[:3])
    found = search_rows(made, query, 2, {"label": ValueType.INT64})
    assert [hits[0].id for hits in found] == [0, 1, 2]
    assert all(hits[0].fields == {"label": 7} and hits[0].score > 0.999 for hits in found)


async def test_an_alias_moves_without_a_gap_and_guards_its_collection(milvus: MilvusConnection) -> None:
    for name in ("moves__1", "moves__2"):
        fill(milvus, name)
    assert await VECTORS.alias_target(milvus, "moves") is None
    for name in ("moves__1", "moves__2", "moves__2"):
        await VECTORS.move_alias(milvus, "moves", name)
        assert await VECTORS.alias_target(milvus, "moves") == name
    with pytest.raises(Refused, match="alias 'moves' stands for it"):
        await VECTORS.drop_collection(milvus, "moves__2")
    await VECTORS.drop_collection(milvus, "moves__1")
    await VECTORS.drop_collection(milvus, "moves__1")
    await VECTORS.drop_alias(milvus, "moves", "moves__1")
    assert await VECTORS.alias_target(milvus, "moves") == "moves__2", "it stands for another one"
    await VECTORS.drop_alias(milvus, "moves", "moves__2")
    await VECTORS.drop_alias(milvus, "moves", "moves__2")
    await VECTORS.drop_collection(milvus, "moves__2")
    with connect(milvus) as client:
        assert not {"moves__1", "moves__2"} & set(client.list_collections())


async def test_a_collection_is_there_while_it_is_loaded_or_can_be(milvus: MilvusConnection) -> None:
    assert not await VECTORS.has_collection(milvus, "there__1")
    fill(milvus, "there__1")
    assert await VECTORS.has_collection(milvus, "there__1")
    with connect(milvus) as client:
        client.release_collection("there__1")
        assert await VECTORS.has_collection(milvus, "there__1"), "a Milvus that restarted has it on disk"
        client.drop_collection("there__1")
    assert not await VECTORS.has_collection(milvus, "there__1")


async def test_the_version_is_told_and_a_server_that_is_away_is_unreachable(milvus: MilvusConnection) -> None:
    assert "milvus_lite" in await VECTORS.check(milvus)
    away = MilvusConnection(uri=f"http://127.0.0.1:{free_port()}", timeout_seconds=1)
    with pytest.raises(Unreachable):
        await VECTORS.check(away)
