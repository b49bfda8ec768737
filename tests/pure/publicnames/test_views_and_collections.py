"""Both kinds of public name write into their status what they stand for, and no more than that."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from worlds import world

from penstock.api.views import FeatureView, VectorCollection
from penstock_operator.publicnames.aliases import Aliases
from penstock_operator.publicnames.plan import Observed, Point, Pointed
from penstock_operator.publicnames.reconciler import PublicNames
from penstock_operator.publicnames.services import FeatureServices

NOW = datetime(2026, 1, 1, tzinfo=UTC)
META = {"name": "digit-images", "namespace": "default", "generation": 1}
POINTED = Pointed("r-2", "digit_images__r_2")
SERVED = Observed(feeder="digits", pointed=POINTED, current=POINTED.physical)


def view(seen: Observed, status: dict[str, Any]) -> tuple[Any, Sequence[Any]]:
    spec = {
        "storeRef": {"name": "feast"},
        "entities": [{"name": "id", "type": "Int64"}],
        "features": [{"name": "ink", "type": "Float32"}],
    }
    obj = FeatureView.model_validate({"kind": "FeatureView", "metadata": META, "spec": spec, "status": status})
    parts = world()
    plan = PublicNames(parts.cluster, FeatureServices(parts)).plan(obj, seen, NOW, NOW)
    return plan.status, plan.actions


def collection(seen: Observed, status: dict[str, Any]) -> tuple[Any, Sequence[Any]]:
    spec = {"storeRef": {"name": "milvus"}, "dimension": 4}
    body = {"kind": "VectorCollection", "metadata": META, "spec": spec, "status": status}
    obj, parts = VectorCollection.model_validate(body), world()
    plan = PublicNames(parts.cluster, Aliases(parts)).plan(obj, seen, NOW, NOW)
    return plan.status, plan.actions


KINDS = pytest.mark.parametrize(
    ("passed", "public", "physical"), [(view, "service", "view"), (collection, "alias", "collection")]
)


@KINDS
def test_what_it_stands_for_is_told_once_it_does(passed: Any, public: str, physical: str) -> None:
    status, actions = passed(Observed(feeder="digits", pointed=POINTED), {})
    assert actions == (Point("digit_images__r_2"),)
    assert (getattr(status, public), getattr(status, physical), status.run) == ("digit_images", None, None)
    status, actions = passed(SERVED, {})
    assert actions == ()
    assert (getattr(status, physical), status.run) == ("digit_images__r_2", "r-2")


@KINDS
@pytest.mark.parametrize(
    "seen", [Observed(store_problem="no answer", pointed=POINTED), Observed(store_exists=False, pointed=POINTED)]
)
def test_what_it_stood_for_stays_while_the_store_is_away(
    passed: Any, public: str, physical: str, seen: Observed
) -> None:
    before = {public: "digit_images", physical: "digit_images__r_1", "run": "r-1"}
    status, actions = passed(seen, before)
    assert actions == ()
    assert (getattr(status, physical), status.run) == ("digit_images__r_1", "r-1")


@KINDS
@pytest.mark.parametrize("seen", [Observed(), Observed(current="digit_images__q_1", other="team-b/digit-images")])
def test_it_stands_for_nothing_once_its_public_name_is_gone_or_held_by_another(
    passed: Any, public: str, physical: str, seen: Observed
) -> None:
    before = {public: "digit_images", physical: "digit_images__r_1", "run": "r-1"}
    status, actions = passed(seen, before)
    assert actions == ()
    assert (getattr(status, physical), status.run) == (None, None)
