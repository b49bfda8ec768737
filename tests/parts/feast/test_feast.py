"""Views, services and rows in a real Feast on SQLite."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from penstock.api.views import NamedField, ValueType
from penstock.handoff import ViewTarget
from penstock.stores.feast.errors import FeaturesRefused, FeaturesUnreachable
from penstock.stores.feast.lean import feast
from penstock.stores.feast.rows import read_rows, write_batch
from penstock.stores.feast.store import open_store, translated
from penstock.stores.feast.views import register_view
from penstock_operator.adapters.feast import FeastFeatures
from penstock_operator.ports import Refused, Unreachable

FEAST = FeastFeatures()
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    return {
        "project": "demo",
        "provider": "local",
        "registry": {"registry_type": "sql", "path": f"sqlite:///{tmp_path}/registry.db"},
        "online_store": {"type": "sqlite", "path": f"{tmp_path}/online.db"},
        "offline_store": {"type": "file"},
        "entity_key_serialization_version": 3,
    }


def target(config: dict[str, Any], view: str) -> ViewTarget:
    return ViewTarget.model_validate(
        {
            "output": "features",
            "resource": "images",
            "store": "feast",
            "view": view,
            "config": config,
            "entities": [{"name": "image_id", "type": "Int64"}],
            "features": [{"name": "ink", "type": "Float32"}, {"name": "label", "type": "String"}],
            "timestampField": "event_timestamp",
        }
    )


def batch(*rows: tuple[int, float, str, int]) -> pa.RecordBatch:
    ids, ink, labels, ages = zip(*rows, strict=True)
    return pa.record_batch(
        {
            "image_id": list(ids),
            "ink": pa.array(ink, pa.float32()),
            "label": list(labels),
            "event_timestamp": [NOW - timedelta(seconds=age) for age in ages],
        }
    )


def write(config: dict[str, Any], view: str, *rows: tuple[int, float, str, int]) -> None:
    store, made = open_store(config), target(config, view)
    register_view(store, made, "/nowhere.parquet")
    write_batch(store, made, batch(*rows))


def test_the_latest_row_of_an_entity_stays_and_an_unknown_entity_has_none(config: dict[str, Any]) -> None:
    write(config, "images__1", (1, 0.5, "new", 0), (1, 0.25, "old", 60), (2, 1.0, "b", 0))
    write(config, "images__1", (2, 1.0, "b", 0))
    found = read_rows(
        open_store(config), "images__1", [{"image_id": 1}, {"image_id": 2}, {"image_id": 9}], ["ink", "label"]
    )
    assert found == [{"ink": 0.5, "label": "new"}, {"ink": 1.0, "label": "b"}, None]


def test_large_whole_numbers_are_kept_beside_nulls(config: dict[str, Any]) -> None:
    large = 2**53 + 1  # the first that a float cannot hold
    fields = [NamedField(name=name, type=ValueType.INT64) for name in ("seen", "next", "age")]
    made = target(config, "images__1").model_copy(update={"features": fields})
    store = open_store(config)
    register_view(store, made, "/nowhere.parquet")
    columns = {
        "image_id": [1, 2, 3, 4],
        "seen": pa.array([large, None, -large, None], pa.int64()),
        "next": pa.array([None, large, 7, None], pa.int64()),
        "age": pa.array([None, 2, 3, 4], pa.int64()),
        "event_timestamp": [NOW] * 4,
    }
    write_batch(store, made, pa.record_batch(columns))
    keys = [{"image_id": id_} for id_ in columns["image_id"]]
    found = read_rows(open_store(config), "images__1", keys, ["seen", "next", "age"])
    assert found == [
        {"seen": large, "next": None, "age": None},
        {"seen": None, "next": large, "age": 2},
        {"seen": -large, "next": 7, "age": 3},
        {"seen": None, "next": None, "age": 4},
    ]


async def test_the_service_follows_and_any_feast_reads_through_it(config: dict[str, Any]) -> None:
    write(config, "images__1", (1, 0.5, "a", 0))
    write(config, "images__2", (1, 0.75, "b", 0))
    assert await FEAST.service_view(config, "images") is None
    for view, ink in (("images__1", 0.5), ("images__2", 0.75), ("images__1", 0.5)):
        await FEAST.point_service(config, "images", view)
        assert await FEAST.service_view(config, "images") == view
        store = open_store(config)
        answer = store.get_online_features(store.get_feature_service("images"), [{"image_id": 1}]).to_dict()
        assert answer["ink"] == [ink]


async def test_a_dropped_view_leaves_no_data(config: dict[str, Any]) -> None:
    write(config, "images__1", (1, 0.5, "a", 0))
    write(config, "images__2", (1, 0.5, "a", 0))
    await FEAST.point_service(config, "images", "images__2")
    await FEAST.drop_view(config, "images__1")
    await FEAST.drop_view(config, "images__1")
    names = sqlite3.connect(config["online_store"]["path"]).execute("SELECT name FROM sqlite_master WHERE type='table'")
    assert [name for (name,) in names] == ["demo_images__2"]
    await FEAST.drop_service(config, "images")
    await FEAST.drop_service(config, "images")
    assert await FEAST.service_view(config, "images") is None


async def test_a_view_that_a_service_names_is_not_dropped(config: dict[str, Any]) -> None:
    write(config, "images__1", (1, 0.5, "a", 0))
    write(config, "images__2", (1, 0.75, "b", 0))
    store = open_store(config)
    views = [store.get_feature_view(name) for name in ("images__2", "images__1")]
    store.apply([feast.FeatureService(name="somebody_else", features=views)])
    with pytest.raises(Refused, match="feature service 'somebody_else' names it"):
        await FEAST.drop_view(config, "images__1")
    store = open_store(config)
    answer = store.get_online_features(store.get_feature_service("somebody_else"), [{"image_id": 1}], True).to_dict()
    assert answer["images__1__ink"] == [0.5]
    await FEAST.drop_service(config, "somebody_else")
    await FEAST.drop_view(config, "images__1")
    assert [view.name for view in open_store(config).list_feature_views()] == ["images__2"]


async def test_a_wrong_configuration_is_refused_and_an_absent_registry_unreachable(config: dict[str, Any]) -> None:
    await FEAST.check(config)
    with pytest.raises(Refused, match="demo"):
        await FEAST.check({**config, "online_store": {"type": "no-such-store"}})
    gone = {**config["registry"], "path": "sqlite:////no/such/folder/registry.db"}
    with pytest.raises(Unreachable, match="registry"):
        await FEAST.check({**config, "registry": gone})


async def test_a_project_goes_when_no_view_is_in_it(config: dict[str, Any]) -> None:
    register_view(open_store(config), target(config, "images__r_1"), "/nowhere")
    await FEAST.point_service(config, "images", "images__r_1")
    await FEAST.drop_project(config)
    assert await FEAST.service_view(config, "images") == "images__r_1"
    await FEAST.drop_service(config, "images")
    await FEAST.drop_view(config, "images__r_1")
    assert open_store(config).list_entities() != []
    await FEAST.drop_project(config)
    await FEAST.drop_project(config)
    assert open_store(config).list_entities() == []


def test_an_online_store_whose_file_is_harmed_is_told_as_such(config: dict[str, Any]) -> None:
    write(config, "images__1", (1, 0.5, "a", 0))
    with sqlite3.connect(config["online_store"]["path"]) as db:
        db.execute("DROP TABLE demo_images__1")
    with (
        pytest.raises(FeaturesUnreachable, match="the online store does not answer: no such table"),
        translated(config),
    ):
        read_rows(open_store(config), "images__1", [{"image_id": 1}], ["ink"])
    Path(config["online_store"]["path"]).write_bytes(b"no database" * 1000)
    with pytest.raises(FeaturesRefused, match="online store refuses: file is not a database"), translated(config):
        read_rows(open_store(config), "images__1", [{"image_id": 1}], ["ink"])
