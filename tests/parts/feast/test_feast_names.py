"""Public names in a real Feast, which people and other tools may use too."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.stores.feast.lean import feast
from penstock.stores.feast.store import open_store
from penstock_operator.adapters.feast.features import FeastFeatures
from penstock_operator.ports import Refused

FEAST = FeastFeatures()


async def test_the_service_follows_and_any_feast_reads_through_it(config: dict[str, Any], project: Any) -> None:
    project.write("images__1", (1, 0.5, "a", 0))
    project.write("images__2", (1, 0.75, "b", 0))
    assert await FEAST.service_view(config, "images") is None
    for view, ink in (("images__1", 0.5), ("images__2", 0.75), ("images__1", 0.5)):
        await FEAST.point_service(config, "images", view)
        assert await FEAST.service_view(config, "images") == view
        store = open_store(config)
        answer = store.get_online_features(store.get_feature_service("images"), [{"image_id": 1}]).to_dict()
        assert answer["ink"] == [ink]


async def test_a_service_goes_only_while_it_stands_for_what_the_caller_thinks(
    config: dict[str, Any], project: Any
) -> None:
    for view in ("images__1", "images__2"):
        project.register(view)
    await FEAST.point_service(config, "images", "images__2")
    await FEAST.drop_service(config, "images", "images__1")
    assert await FEAST.service_view(config, "images") == "images__2"
    await FEAST.drop_service(config, "images", "images__2")
    await FEAST.drop_service(config, "images", "images__2")
    assert await FEAST.service_view(config, "images") is None


async def test_a_service_of_somebody_else_is_neither_moved_nor_removed(config: dict[str, Any], project: Any) -> None:
    for view in ("images__1", "images__2"):
        project.register(view)
    store = open_store(config)
    store.apply([feast.FeatureService(name="images", features=[store.get_feature_view("images__1")])])
    with pytest.raises(Refused, match="feature service 'images' was not made by Penstock"):
        await FEAST.point_service(config, "images", "images__2")
    await FEAST.drop_service(config, "images", "images__1")
    assert await FEAST.service_view(config, "images") == "images__1"
