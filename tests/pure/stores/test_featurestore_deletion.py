"""A deleted FeatureStore takes its Feast project with it, unless it must stay."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from worlds import world

from penstock.api.ray import RayBackend, RayCluster, RayType
from penstock.api.stores import FeatureStore, StoreReason
from penstock.installation import Installation
from penstock_operator.stores.featurestore import DropProject, FeastProject
from penstock_operator.stores.plan import Observed

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOME = Installation(
    artifacts="/runs", ray=RayBackend(type=RayType.RAY_CLUSTER, ray_cluster=RayCluster(address="http://127.0.0.1:1"))
)
READY = Observed(StoreReason.READY, "The store answers")


@pytest.mark.parametrize(
    ("policy", "seen", "finalized", "dropped"),
    [
        ("Delete", READY, True, True),
        ("Retain", READY, True, False),
        ("Delete", Observed(StoreReason.READY, "", users=("FeatureView a",)), False, False),
        ("Delete", Observed(StoreReason.UNREACHABLE, "no answer"), True, False),
    ],
)
def test_the_project_goes_with_a_store_that_nobody_uses(
    policy: str, seen: Observed, finalized: bool, dropped: bool
) -> None:
    store = FeatureStore.model_validate(
        {
            "kind": "FeatureStore",
            "metadata": {"name": "features", "deletionTimestamp": NOW},
            "spec": {"project": "demo", "deletionPolicy": policy},
        }
    )
    plan = FeastProject(world(installation=HOME)).plan(store, seen, NOW)
    assert plan.finalized is finalized
    assert tuple(plan.actions) == ((DropProject(),) if dropped else ())
