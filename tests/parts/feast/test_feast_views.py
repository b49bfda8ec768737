"""The views of runs in a real Feast: what of them is there, and what is left when they have gone."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from penstock.stores.feast.errors import FeaturesRefused
from penstock.stores.feast.lean import feast
from penstock.stores.feast.store import open_store
from penstock_operator.adapters.feast.features import FeastFeatures
from penstock_operator.ports import Refused

FEAST = FeastFeatures()


async def test_a_view_is_there_once_its_rows_are_and_not_when_they_are_lost(
    config: dict[str, Any], project: Any
) -> None:
    assert not await FEAST.has_view(config, "images__1")
    project.register("images__1")
    assert not await FEAST.has_view(config, "images__1")
    project.write("images__1", (1, 0.5, "a", 0))
    project.write("images__2", (1, 0.5, "a", 0))
    assert await FEAST.has_view(config, "images__1")
    with sqlite3.connect(config["online_store"]["path"]) as db:
        db.execute("DELETE FROM demo_images__1")
    assert [await FEAST.has_view(config, f"images__{run}") for run in (1, 2)] == [False, True]
    Path(config["online_store"]["path"]).unlink()
    assert not await FEAST.has_view(config, "images__2")


async def test_a_dropped_view_leaves_neither_data_nor_its_source(config: dict[str, Any], project: Any) -> None:
    project.write("images__1", (1, 0.5, "a", 0))
    project.write("images__2", (1, 0.5, "a", 0))
    await FEAST.point_service(config, "images", "images__2")
    await FEAST.drop_view(config, "images__1")
    await FEAST.drop_view(config, "images__1")
    names = sqlite3.connect(config["online_store"]["path"]).execute("SELECT name FROM sqlite_master WHERE type='table'")
    assert [name for (name,) in names] == ["demo_images__2"]
    assert [source.name for source in open_store(config).list_data_sources()] == ["images__2"]


async def test_a_view_that_a_service_names_is_not_dropped(config: dict[str, Any], project: Any) -> None:
    project.write("images__1", (1, 0.5, "a", 0))
    project.write("images__2", (1, 0.75, "b", 0))
    store = open_store(config)
    views = [store.get_feature_view(name) for name in ("images__2", "images__1")]
    service = feast.FeatureService(name="somebody_else", features=views)
    store.apply([service])
    with pytest.raises(Refused, match="feature service 'somebody_else' names it"):
        await FEAST.drop_view(config, "images__1")
    store = open_store(config)
    answer = store.get_online_features(store.get_feature_service("somebody_else"), [{"image_id": 1}], True).to_dict()
    assert answer["images__1__ink"] == [0.5]
    store.apply([], objects_to_delete=[service], partial=False)
    await FEAST.drop_view(config, "images__1")
    assert [view.name for view in open_store(config).list_feature_views()] == ["images__2"]


async def test_a_source_that_another_view_reads_stays(config: dict[str, Any], project: Any) -> None:
    project.register("images__1")
    store = open_store(config)
    ours = store.get_feature_view("images__1")
    theirs = feast.FeatureView(name="theirs", entities=[], schema=ours.features, source=ours.batch_source)
    store.apply([theirs])
    await FEAST.drop_view(config, "images__1")
    assert [source.name for source in open_store(config).list_data_sources()] == ["images__1"]


def test_an_entity_of_somebody_else_is_used_as_it_is(config: dict[str, Any], project: Any) -> None:
    theirs = feast.Entity(name="image_id", description="Theirs", value_type=feast.ValueType.INT64, owner="they")
    open_store(config).apply([theirs])
    project.register("images__1")
    entity = open_store(config).get_entity("image_id")
    assert (entity.description, entity.owner, entity.tags) == ("Theirs", "they", {})


def test_an_entity_that_joins_by_another_column_is_refused(config: dict[str, Any], project: Any) -> None:
    open_store(config).apply([feast.Entity(name="image_id", join_keys=["img"], value_type=feast.ValueType.INT64)])
    with pytest.raises(FeaturesRefused, match="entity 'image_id' joins by 'img'"):
        project.register("images__1")
    assert open_store(config).list_feature_views() == []
