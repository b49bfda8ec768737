"""Both kinds of public name write into their status what they stand for, and no more than that."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from worlds import world

from penstock.api.ray import RayBackend, RayCluster, RayType
from penstock.api.views import FeatureView, VectorCollection
from penstock.installation import Installation
from penstock_operator.adapters.feast import FeastFeatures
from penstock_operator.adapters.milvus import MilvusVectors
from penstock_operator.publicnames.featureview import FeatureService
from penstock_operator.publicnames.plan import Observed, Point, Pointed
from penstock_operator.publicnames.vectorcollection import CollectionAlias

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOME = Installation(
    artifacts="/runs", ray=RayBackend(type=RayType.RAY_CLUSTER, ray_cluster=RayCluster(address="http://127.0.0.1:1"))
)
META = {"name": "digit-images", "namespace": "default", "generation": 1}
POINTED = Pointed("r-2", "digit_images__r_2")
SERVED = Observed(feeders=("digits",), pointed=POINTED, current=POINTED.physical)


def view(seen: Observed, status: dict[str, Any]) -> tuple[Any, tuple[Any, ...]]:
    obj = FeatureView.model_validate(
        {
            "kind": "FeatureView",
            "metadata": META,
            "spec": {
                "storeRef": {"name": "feast"},
                "entities": [{"name": "id", "type": "Int64"}],
                "features": [{"name": "ink", "type": "Float32"}],
            },
            "status": status,
        }
    )
    plan = FeatureService(world(features=FeastFeatures(), installation=HOME)).plan(obj, seen, NOW)
    return plan.status, tuple(plan.actions)


def collection(seen: Observed, status: dict[str, Any]) -> tuple[Any, tuple[Any, ...]]:
    spec = {"storeRef": {"name": "milvus"}, "dimension": 4}
    obj = VectorCollection.model_validate(
        {"kind": "VectorCollection", "metadata": META, "spec": spec, "status": status}
    )
    plan = CollectionAlias(world(vectors=MilvusVectors(), installation=HOME)).plan(obj, seen, NOW)
    return plan.status, tuple(plan.actions)


KINDS = pytest.mark.parametrize(
    ("passed", "public", "physical"), [(view, "service", "view"), (collection, "alias", "collection")]
)


@KINDS
def test_what_it_stands_for_is_told_once_it_does(passed: Any, public: str, physical: str) -> None:
    status, actions = passed(Observed(feeders=("digits",), pointed=POINTED), {})
    assert actions == (Point("digit_images__r_2"),)
    assert (getattr(status, public), getattr(status, physical), status.run) == ("digit_images", None, None)
    status, actions = passed(SERVED, {})
    assert actions == ()
    assert (getattr(status, physical), status.run) == ("digit_images__r_2", "r-2")


@KINDS
def test_what_it_stood_for_stays_while_the_store_is_away(passed: Any, public: str, physical: str) -> None:
    before = {public: "digit_images", physical: "digit_images__r_1", "run": "r-1"}
    status, actions = passed(Observed(store_problem="no answer", pointed=POINTED), before)
    assert actions == ()
    assert (getattr(status, physical), status.run) == ("digit_images__r_1", "r-1")


@KINDS
def test_it_stands_for_nothing_once_its_public_name_is_gone(passed: Any, public: str, physical: str) -> None:
    before = {public: "digit_images", physical: "digit_images__r_1", "run": "r-1"}
    status, actions = passed(Observed(), before)
    assert actions == ()
    assert (getattr(status, physical), status.run) == (None, None)
