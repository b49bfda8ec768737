"""A run staged into the stores of production, read by anybody's Feast and Milvus, and dropped without a trace."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
import redis as redis_client
from feast import FeatureStore, RepoConfig
from psycopg import sql
from stored import read_rows, search_rows

from penstock.columns.table import ValueType
from penstock.gateway.features import Project
from penstock.handoff import StagingSpec
from penstock.stores.feast import drivers
from penstock.stores.feast.store import open_store
from penstock.stores.milvus.client import connect
from penstock_operator.adapters.feast.features import FeastFeatures
from penstock_operator.adapters.milvus.vectors import MilvusVectors
from penstock_operator.ports import Refused, Unreachable

FEAST, VECTORS = FeastFeatures(), MilvusVectors()


@pytest.fixture(params=["redis", "postgres"])
def production(request: pytest.FixtureRequest, tmp_path: Path, new_world: Any, milvus_server: str) -> Any:
    """A world whose features go to Redis or PostgreSQL, and its vectors to a Milvus server."""
    world = new_world(tmp_path)
    world.milvus_uri = milvus_server
    project = f"shop_{request.param}_{tmp_path.name.replace('-', '_')}"[:50]
    world.config["project"] = project
    if request.param == "redis":
        world.config["online_store"] = {"type": "redis", "connection_string": request.getfixturevalue("redis")}
    else:
        server = request.getfixturevalue("postgres")
        world.config["online_store"] = {"type": "postgres", **server, "sslmode": "disable"}
        path = "postgresql+psycopg://{user}:{password}@{host}:{port}/{database}".format(**server)
        world.config["registry"] = {"registry_type": "sql", "path": path}
    return world


def read(world: Any, view: str, ids: list[int]) -> list[Any]:
    """As any user of Feast would."""
    store = FeatureStore(config=RepoConfig(**world.config, repo_path=str(world.folder)))
    labels: list[Any] = store.get_online_features([f"{view}:label"], [{"id": i} for i in ids]).to_dict()["label"]
    return labels


async def test_two_runs_live_side_by_side_and_the_first_is_dropped_without_the_second(
    production: Any, write_run: Any
) -> None:
    world = production
    specs: list[StagingSpec] = []
    for run, word in (("r-1", "one"), ("r-2", "two")):
        labels = {"label": [f"{word} {n}" for n in range(40)]}
        world.train(run, lambda writer, labels=labels: write_run(writer, features=labels))
        specs.append(
            world.spec(
                run,
                gates=[
                    {"name": "recall", "type": "IndexRecall", "indexRecall": {"output": "embeddings", "min": "0.95"}}
                ],
            )
        )
        assert world.stage(specs[-1]) == [(0, f"Run {run}: Staged.")], world.report(specs[-1])
    views = [spec.features[0].view for spec in specs]
    collections = [spec.vectors[0].collection for spec in specs]
    connection = specs[0].vectors[0].connection
    assert read(world, views[0], [0, 39, 40]) == ["one 0", "one 39", None]
    assert read(world, views[1], [0, 39, 40]) == ["two 0", "two 39", None]

    # The public names follow the pointer, and protect what they stand for.
    await FEAST.point_service(world.config, "images", views[0])
    await VECTORS.move_alias(connection, f"a_{world.folder.name}", collections[0])
    with pytest.raises(Refused, match="stands for it"):
        await VECTORS.drop_collection(connection, collections[0])
    await FEAST.point_service(world.config, "images", views[1])
    await VECTORS.move_alias(connection, f"a_{world.folder.name}", collections[1])
    assert await FEAST.service_view(world.config, "images") == views[1]
    assert await VECTORS.alias_target(connection, f"a_{world.folder.name}") == collections[1]

    assert await FEAST.has_view(world.config, views[0])
    assert await VECTORS.has_collection(connection, collections[0])
    await FEAST.drop_view(world.config, views[0])
    await VECTORS.drop_collection(connection, collections[0])
    there = [await FEAST.has_view(world.config, view) for view in views]
    assert there == [await VECTORS.has_collection(connection, name) for name in collections] == [False, True]
    await VECTORS.drop_collection(connection, collections[0])
    assert read(world, views[1], [0, 39, 40]) == ["two 0", "two 39", None]
    rows = read_rows(open_store(world.config), views[1], [{"id": 7}, {"id": 99}], ["ink", "label"])
    assert rows[1] is None
    assert rows[0] is not None
    assert rows[0]["label"] == "two 7"
    with connect(connection) as client:
        assert not client.has_collection(collections[0])
    queries = np.random.default_rng(0).normal(size=(40, 8)).astype(np.float32)[[3, 5]]
    found = search_rows(specs[1].vectors[0], queries, 1, {"digit": ValueType.INT64}, f"a_{world.folder.name}")
    assert [(hits[0].id, hits[0].fields["digit"]) for hits in found] == [(3, 3), (5, 5)]


def test_a_staging_that_was_killed_is_taken_up_again(production: Any, write_run: Any) -> None:
    world = production
    world.train("r-1", lambda run: write_run(run, rows=12_000, shards=6))
    spec = world.spec("r-1")
    job = world.start(spec)
    shards = Path(spec.stage_uri) / "shards"
    deadline = time.monotonic() + 90
    while not list(shards.rglob("*.json")) and job.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    job.kill()
    job.communicate()
    assert world.report(spec) is None
    assert world.stage(spec) == [(0, "Run r-1: Staged.")], world.report(spec)
    report = world.report(spec)
    assert [output.rows for output in report.outputs] == [12_000, 12_000]
    assert read(world, spec.features[0].view, [0, 11_999, 12_000]) == ["label 0", "label 11999", None]


@pytest.mark.parametrize("kind", ["redis", "postgres"])
async def test_a_store_that_is_away_is_said_to_be(kind: str, tmp_path: Path) -> None:
    online: dict[str, Any] = {"type": "redis", "connection_string": "127.0.0.1:1"}
    registry: dict[str, Any] = {"registry_type": "sql", "path": f"sqlite:///{tmp_path}/registry.db"}
    if kind == "postgres":
        online = {"type": "postgres", "host": "127.0.0.1", "port": 1, "database": "a", "user": "a", "password": "a"}
        registry = {"registry_type": "sql", "path": "postgresql+psycopg://a:a@127.0.0.1:1/a"}
    config = {
        "project": "away",
        "provider": "local",
        "registry": registry,
        "online_store": online,
        "offline_store": {"type": "file"},
        "entity_key_serialization_version": 3,
    }
    started = time.monotonic()
    with pytest.raises(Unreachable, match="away"):
        await FEAST.check(config)
    assert time.monotonic() - started < 5, "no tries of its own, with seconds between them"


async def test_a_redis_that_is_silent_is_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drivers, "ANSWER_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config = {
            "project": "silent",
            "provider": "local",
            "registry": {"registry_type": "sql", "path": f"sqlite:///{tmp_path}/registry.db"},
            "online_store": {"type": "redis", "connection_string": f"127.0.0.1:{silent.getsockname()[1]}"},
            "offline_store": {"type": "file"},
            "entity_key_serialization_version": 3,
        }
        with pytest.raises(Unreachable, match=r"silent.*does not answer"):
            await FEAST.check(config)


def test_a_reader_goes_on_after_its_server_closed_the_connections(production: Any, write_run: Any) -> None:
    world = production
    world.train("r-1", write_run)
    spec = world.spec("r-1", vectors=[])
    assert world.stage(spec) == [(0, "Run r-1: Staged.")], world.report(spec)
    project, view = Project(world.config, waiting=1), spec.features[0].view
    about = project.about(view)
    assert project.read(view, about, [{"id": 3}], ["label"]) == [{"label": "label 3"}]
    online = world.config["online_store"]
    if online["type"] == "redis":
        host, port = online["connection_string"].split(":")
        with redis_client.Redis(host, int(port)) as client:
            client.client_kill_filter(_type="normal", skipme=True)
    else:
        login = {"host": online["host"], "port": online["port"], "dbname": online["database"], "user": online["user"]}
        with psycopg.connect(**login) as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    assert project.read(view, about, [{"id": 3}], ["label"]) == [{"label": "label 3"}]


async def test_a_view_whose_rows_are_lost_is_not_there(production: Any, write_run: Any) -> None:
    world = production
    world.train("r-1", write_run)
    spec = world.spec("r-1", vectors=[])
    assert world.stage(spec) == [(0, "Run r-1: Staged.")], world.report(spec)
    online, view = world.config["online_store"], spec.features[0].view
    assert await FEAST.has_view(world.config, view)
    if online["type"] == "redis":
        host, port = online["connection_string"].split(":")
        with redis_client.Redis(host, int(port)) as client:
            client.flushdb()
    else:
        login = {"host": online["host"], "port": online["port"], "dbname": online["database"], "user": online["user"]}
        with psycopg.connect(**login) as connection:
            connection.execute(sql.SQL("TRUNCATE {}").format(sql.Identifier(f"{world.config['project']}_{view}")))
    assert not await FEAST.has_view(world.config, view)


async def test_a_login_that_is_refused_is_no_absence(postgres: dict[str, Any], tmp_path: Path) -> None:
    config = {
        "project": "shop",
        "provider": "local",
        "registry": {"registry_type": "sql", "path": f"sqlite:///{tmp_path}/registry.db"},
        "online_store": {"type": "postgres", **postgres, "database": "nowhere", "sslmode": "disable"},
        "offline_store": {"type": "file"},
        "entity_key_serialization_version": 3,
    }
    with pytest.raises(Refused, match="nowhere"):
        await FEAST.check(config)
    await FEAST.check(config | {"online_store": {"type": "postgres", **postgres, "sslmode": "disable"}})
