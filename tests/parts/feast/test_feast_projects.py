"""The end of a Feast project that is shared: what is ours goes, and nothing of anybody else."""

from __future__ import annotations

from inspect import getsource
from typing import Any

import pytest

from penstock.stores.feast.lean import feast
from penstock.stores.feast.store import open_store
from penstock_operator.adapters.feast.features import FeastFeatures
from penstock_operator.ports import Refused

FEAST = FeastFeatures()


def contents(config: dict[str, Any]) -> set[str]:
    """The names of all that is registered in the project, but for Feast's own entity."""
    store = open_store(config)
    lists = [
        store.list_all_feature_views(),
        store.list_feature_services(),
        store.list_entities(),
        store.list_data_sources(),
        store.list_saved_datasets(),
    ]
    return {obj.name for found in lists for obj in found} - {"__dummy"}


async def leave(config: dict[str, Any]) -> None:
    """What the clean-up of a FeatureView's last run does."""
    await FEAST.drop_service(config, "images", "images__r_1")
    await FEAST.drop_view(config, "images__r_1")


async def test_a_project_goes_when_no_view_is_in_it(config: dict[str, Any], project: Any) -> None:
    project.register("images__r_1")
    await FEAST.point_service(config, "images", "images__r_1")
    with pytest.raises(Refused, match="stays, for feature view 'images__r_1', feature service 'images'"):
        await FEAST.drop_project(config)
    assert await FEAST.service_view(config, "images") == "images__r_1"
    await leave(config)
    assert contents(config) == {"image_id"}
    await FEAST.drop_project(config)
    await FEAST.drop_project(config)
    assert contents(config) == set()


SOURCE = feast.FileSource(name="clicks", path="/nowhere.parquet", timestamp_field="event_timestamp")
PAIR = [feast.Field(name="ink", dtype=feast.types.Float32)]


def stream_view() -> Any:
    push = feast.PushSource(name="pushed", batch_source=SOURCE)
    entity = feast.Entity(name="image_id", value_type=feast.ValueType.INT64)
    view = feast.StreamFeatureView(name="streamed", entities=[entity], schema=PAIR, source=push)
    return [entity, view], {"streamed", "pushed", "clicks", "image_id"}, "feature view 'streamed'"


def entity() -> Any:
    return [feast.Entity(name="user", value_type=feast.ValueType.INT64)], {"user"}, "entity 'user'"


def data_source() -> Any:
    return [SOURCE], {"clicks"}, "data source 'clicks'"


def twice(asked: dict[str, Any]) -> dict[str, Any]:
    return {"twice": [2 * ink for ink in asked["ink"]]}


def on_demand_view() -> Any:
    request = feast.RequestSource(name="asked", schema=PAIR)
    transformation = feast.transformation.python_transformation.PythonTransformation(twice, getsource(twice))
    view = feast.OnDemandFeatureView(
        name="twice",
        sources=[request],
        schema=[feast.Field(name="twice", dtype=feast.types.Float64)],
        feature_transformation=transformation,
        mode="python",
    )
    return [request, view], {"asked", "twice"}, "feature view 'twice'"


@pytest.mark.parametrize("theirs", [stream_view, on_demand_view, entity, data_source])
async def test_a_project_with_things_of_somebody_else_keeps_them(
    theirs: Any, config: dict[str, Any], project: Any
) -> None:
    objects, stays, named = theirs()
    project.register("images__r_1")
    await FEAST.point_service(config, "images", "images__r_1")
    open_store(config).apply(objects)
    await leave(config)
    with pytest.raises(Refused, match=named):
        await FEAST.drop_project(config)
    assert contents(config) == stays


async def test_a_project_that_nobody_made_is_gone_already(config: dict[str, Any]) -> None:
    await FEAST.drop_project({**config, "project": "never_made"})
