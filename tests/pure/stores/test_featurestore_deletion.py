"""A deleted FeatureStore takes its Feast project with it, unless it must stay; what stays is told."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from worlds import world

from penstock.api.stores import FeatureStore, StoreReason
from penstock_operator.stores.feast import FeastProjects
from penstock_operator.stores.plan import Observed, Remove
from penstock_operator.stores.reconciler import Stores

NOW = datetime(2026, 1, 1, tzinfo=UTC)
READY = Observed(StoreReason.READY, "The store answers")
PROJECT = (Remove("Feast project 'demo'"),)


@pytest.mark.parametrize(
    ("policy", "seen", "finalized", "removed", "notes"),
    [
        ("Delete", READY, True, PROJECT, ()),
        ("Retain", READY, True, (), ()),
        ("Delete", Observed(StoreReason.READY, "", users=("FeatureView a",)), False, (), ()),
        ("Delete", Observed(StoreReason.UNREACHABLE, "no answer"), True, PROJECT, ()),
        ("Retain", Observed(StoreReason.UNREACHABLE, "no answer"), True, (), ()),
        ("Delete", Observed(StoreReason.MISSING_REFERENCE, "no secret"), True, PROJECT, ()),
        (
            "Delete",
            Observed(StoreReason.INVALID_CONFIG, "no such type"),
            True,
            (),
            ("Feast project 'demo' may stay behind: no such type",),
        ),
    ],
)
def test_the_project_goes_with_a_store_that_nobody_uses(
    policy: str, seen: Observed, finalized: bool, removed: tuple[Remove, ...], notes: tuple[str, ...]
) -> None:
    store = FeatureStore.model_validate(
        {
            "kind": "FeatureStore",
            "metadata": {"name": "features", "deletionTimestamp": NOW},
            "spec": {"project": "demo", "deletionPolicy": policy},
        }
    )
    parts = world()
    plan = Stores(parts.cluster, FeastProjects(parts)).plan(store, seen, NOW, NOW)
    assert plan.finalized is finalized
    assert (plan.actions, plan.cleanup, plan.notes) == ((), removed, notes)
