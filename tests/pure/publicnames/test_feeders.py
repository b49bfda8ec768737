"""Which Materialization a view or collection follows, and what its pointer says."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from penstock.api.materialization import Materialization
from penstock.api.stagedrun import StagedKind
from penstock_operator.publicnames.feeders import holder
from penstock_operator.publicnames.plan import Pointed, pointer_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def feeder(name: str, age: int = 0, run: str | None = None, resource: str = "images") -> Materialization:
    output = {
        "output": "o",
        "kind": "Embeddings",
        "resource": resource,
        "store": "milvus",
        "physical": f"data_of_{run}",
    }
    active = {
        "run": run,
        "stagedRunRef": {"name": f"{name}-{run}", "uid": "u"},
        "uri": "/runs",
        "trainedAt": NOW,
        "switchedAt": NOW,
        "outputs": [output],
    }
    meta = {"name": name, "creationTimestamp": NOW - timedelta(seconds=age)}
    body = {"kind": "Materialization", "metadata": meta, "status": {"active": active} if run else {}}
    return Materialization.model_validate({**body, "spec": {"trainingJobRef": {"name": "digits"}, "gates": []}})


def test_the_oldest_feeds_it_and_of_two_that_are_as_old_the_first_by_name_in_whichever_order_they_come() -> None:
    feeders = [feeder("c", age=5), feeder("b", age=5), feeder("a", age=1)]
    for order in itertools.permutations(feeders):
        found = holder(order)
        assert found is not None
        assert found.metadata.name == "b"
    assert holder([]) is None


def test_one_that_is_being_deleted_gives_way() -> None:
    old, new = feeder("old", age=9), feeder("new")
    old.metadata.deletion_timestamp = NOW
    assert holder([old, new]) is new
    assert holder([old]) is None


@pytest.mark.parametrize(
    ("fed_by", "kind", "pointed"),
    [
        (None, "Embeddings", None),
        (feeder("m"), "Embeddings", None),
        (feeder("m", run="r-1"), "Features", None),
        (feeder("m", run="r-1", resource="texts"), "Embeddings", None),
        (feeder("m", run="r-1"), "Embeddings", Pointed("r-1", "data_of_r-1")),
    ],
)
def test_the_pointer_is_read_for_this_resource_and_kind(
    fed_by: Materialization | None, kind: StagedKind, pointed: Pointed | None
) -> None:
    assert pointer_of(fed_by, "images", kind) == pointed
