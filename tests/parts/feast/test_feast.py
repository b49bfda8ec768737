"""Rows in a real Feast on SQLite, and what its errors come out as."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from stored import read_rows, write_rows

from penstock.api.views import NamedField
from penstock.columns.table import ValueType
from penstock.stores.feast.errors import FeaturesRefused, FeaturesUnreachable
from penstock.stores.feast.store import open_store, translated
from penstock.stores.feast.views import register_view
from penstock_operator.adapters.feast.features import FeastFeatures
from penstock_operator.ports import Refused, Unreachable

FEAST = FeastFeatures()
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_the_latest_row_of_an_entity_stays_and_an_unknown_entity_has_none(config: dict[str, Any], project: Any) -> None:
    project.write("images__1", (1, 0.5, "new", 0), (1, 0.25, "old", 60), (2, 1.0, "b", 0))
    project.write("images__1", (2, 1.0, "b", 0))
    found = read_rows(
        open_store(config), "images__1", [{"image_id": 1}, {"image_id": 2}, {"image_id": 9}], ["ink", "label"]
    )
    assert found == [{"ink": 0.5, "label": "new"}, {"ink": 1.0, "label": "b"}, None]


def test_large_whole_numbers_are_kept_beside_nulls(config: dict[str, Any], project: Any) -> None:
    large = 2**53 + 1  # the first that a float cannot hold
    fields = [NamedField(name=name, type=ValueType.INT64) for name in ("seen", "next", "age")]
    made = project.target("images__1").model_copy(update={"features": fields})
    store = open_store(config)
    register_view(store, made, "/nowhere.parquet")
    columns = {
        "image_id": [1, 2, 3, 4],
        "seen": pa.array([large, None, -large, None], pa.int64()),
        "next": pa.array([None, large, 7, None], pa.int64()),
        "age": pa.array([None, 2, 3, 4], pa.int64()),
        "event_timestamp": [NOW] * 4,
    }
    write_rows(store, made, pa.record_batch(columns))
    keys = [{"image_id": id_} for id_ in columns["image_id"]]
    found = read_rows(open_store(config), "images__1", keys, ["seen", "next", "age"])
    assert found == [
        {"seen": large, "next": None, "age": None},
        {"seen": None, "next": large, "age": 2},
        {"seen": -large, "next": 7, "age": 3},
        {"seen": None, "next": None, "age": 4},
    ]


async def test_a_wrong_configuration_is_refused_and_an_absent_registry_unreachable(config: dict[str, Any]) -> None:
    await FEAST.check(config)
    with pytest.raises(Refused, match="demo"):
        await FEAST.check({**config, "online_store": {"type": "no-such-store"}})
    gone = {**config["registry"], "path": "sqlite:////no/such/folder/registry.db"}
    with pytest.raises(Unreachable, match="registry"):
        await FEAST.check({**config, "registry": gone})


def test_an_online_store_whose_file_is_harmed_is_told_as_such(config: dict[str, Any], project: Any) -> None:
    project.write("images__1", (1, 0.5, "a", 0))
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
