"""A public name follows the pointer, says why when it does not, and leaves in bounded time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.api.materialization import Materialization
from penstock.api.meta import DeletionPolicy, ObjectMeta
from penstock_operator.loop.conditions import find
from penstock_operator.publicnames.holder import holder_of
from penstock_operator.publicnames.plan import Decision, Observed, Point, Pointed, Release, decide, pointer_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
META = ObjectMeta(name="images", generation=3)
DYING = META.model_copy(update={"deletion_timestamp": NOW})
FIRST, SECOND = Pointed("r-1", "images__r_1"), Pointed("r-2", "images__r_2")
FED = Observed(feeders=("digits",), pointed=FIRST)
DIGEST = "sha256:now"


def pass_over(seen: Observed, meta: ObjectMeta = META, policy: DeletionPolicy = DeletionPolicy.DELETE) -> Decision:
    return decide(meta, [], policy, "milvus", seen, NOW)


def told(decision: Decision) -> tuple[str, str]:
    condition = find(decision.conditions, "Ready")
    assert condition is not None
    assert condition.observed_generation == 3
    return condition.status, condition.reason


def feeder(run: str | None, resource: str = "images", kind: str = "Embeddings") -> Materialization:
    outputs = [
        {"output": "o", "kind": kind, "resource": resource, "store": "milvus", "physical": f"{resource}__{kind}_{run}"}
    ]
    active = {"run": run, "uri": "/runs", "switchedAt": NOW, "outputs": outputs}
    body: dict[str, Any] = {
        "kind": "Materialization",
        "metadata": {"name": "digits"},
        "spec": {"trainingJobRef": {"name": "digits"}, "gates": []},
        "status": {"active": active} if run is not None else {},
    }
    return Materialization.model_validate(body)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (Observed(store_exists=False, store_problem="gone"), ("False", "MissingReference")),
        (replace(FED, feeders=("a", "b")), ("False", "Conflict")),
        (replace(FED, store_problem="no answer"), ("Unknown", "StoreNotReady")),
        (Observed(), ("False", "WaitingForRun")),
        (Observed(feeders=("digits",), current="images__r_1"), ("False", "WaitingForRun")),
        (FED, ("Unknown", "Switching")),
        (replace(FED, current=SECOND.physical), ("Unknown", "Switching")),
        (replace(FED, current=FIRST.physical), ("True", "Serving")),
    ],
)
def test_what_was_seen_is_told(seen: Observed, expected: tuple[str, str]) -> None:
    decision = pass_over(seen)
    assert told(decision) == expected
    assert not decision.finalized
    assert (decision.served is not None) == (expected[1] == "Serving")


def test_messages_name_what_to_mend() -> None:
    absent = find(pass_over(Observed(store_exists=False)).conditions, "Ready")
    both = find(pass_over(replace(FED, feeders=("a", "b"))).conditions, "Ready")
    assert absent is not None
    assert both is not None
    assert absent.message == "spec.storeRef: 'milvus' does not exist: create it"
    assert both.message == "Materializations a, b all feed it"


@pytest.mark.parametrize("current", [None, SECOND.physical])
def test_a_name_that_stands_for_something_else_is_moved_and_looked_at_at_once(current: str | None) -> None:
    decision = pass_over(replace(FED, current=current))
    assert decision.actions == (Point(FIRST.physical),)
    assert decision.after == 0


def test_a_name_without_a_pointer_is_left_as_it_is() -> None:
    assert pass_over(Observed(current="somebody_elses")).actions == ()


@given(
    st.builds(
        Observed,
        store_exists=st.booleans(),
        store_problem=st.sampled_from(["", "no answer"]),
        feeders=st.sampled_from([(), ("a",), ("a", "b")]),
        pointed=st.sampled_from([None, FIRST, SECOND]),
        current=st.sampled_from([None, FIRST.physical, SECOND.physical]),
    )
)
def test_only_the_pointer_of_the_one_feeder_ever_moves_a_name(seen: Observed) -> None:
    decision = pass_over(seen)
    if decision.actions:
        assert seen.store_exists
        assert not seen.store_problem
        assert len(seen.feeders) <= 1
        assert seen.pointed is not None
        assert decision.actions == (Point(seen.pointed.physical),)
        settled = pass_over(replace(seen, current=seen.pointed.physical))
        assert settled.actions == ()
        assert settled.served == seen.pointed
    assert pass_over(seen) == decision


@pytest.mark.parametrize(
    ("seen", "policy", "actions"),
    [
        (replace(FED, current=FIRST.physical), DeletionPolicy.DELETE, (Release(),)),
        (replace(FED, current=FIRST.physical), DeletionPolicy.RETAIN, ()),
        (FED, DeletionPolicy.DELETE, ()),
        (replace(FED, store_problem="no answer"), DeletionPolicy.DELETE, ()),
        (Observed(store_exists=False, store_problem="gone"), DeletionPolicy.DELETE, ()),
    ],
)
def test_a_deleted_name_goes_at_once_whatever_the_store_says(
    seen: Observed, policy: DeletionPolicy, actions: tuple[Release, ...]
) -> None:
    decision = pass_over(seen, DYING, policy)
    assert decision.finalized
    assert decision.actions == actions


def test_the_transition_time_moves_with_the_truth_only() -> None:
    before = pass_over(replace(FED, current=FIRST.physical)).conditions
    later = NOW + timedelta(seconds=60)
    seen = replace(FED, pointed=SECOND, current=SECOND.physical)
    same = find(decide(META, before, DeletionPolicy.DELETE, "milvus", seen, later).conditions, "Ready")
    moved = find(decide(META, before, DeletionPolicy.DELETE, "milvus", Observed(), later).conditions, "Ready")
    assert same is not None
    assert moved is not None
    assert (same.last_transition_time, same.message) == (NOW, "Stands for run r-2")
    assert moved.last_transition_time == later


def test_the_pointer_is_read_for_this_resource_and_kind() -> None:
    def found(*feeders: Materialization, kind: str = "Embeddings") -> Pointed | None:
        return pointer_of(feeders, "images", kind, DIGEST)

    assert found() is None
    assert found(feeder(None)) is None
    assert found(feeder("r-1"), kind="Features") is None
    assert found(feeder("r-1", resource="texts")) is None
    assert found(feeder(None), feeder("r-2")) == Pointed("r-2", "images__Embeddings_r-2")


@pytest.mark.parametrize(("staged_by", "outdated"), [(DIGEST, False), ("sha256:before", True), ("", False)])
def test_a_name_that_stands_for_what_was_staged_before_its_spec_changed_says_so(staged_by: str, outdated: bool) -> None:
    mat = feeder("r-2")
    assert mat.status.active is not None
    mat.status.active.outputs[0].spec_digest = staged_by
    pointed = pointer_of([mat], "images", "Embeddings", DIGEST)
    assert pointed is not None
    decision = pass_over(replace(FED, pointed=pointed, current=pointed.physical))
    ready = find(decision.conditions, "Ready")
    assert ready is not None
    assert told(decision) == ("True", "Serving")
    assert ready.message == "Stands for run r-2" + (" as it was staged before the spec changed" if outdated else "")


def test_a_name_that_another_object_holds_is_neither_moved_nor_removed() -> None:
    held = replace(FED, current="images__q_1", holder="team-b/images")
    decision = pass_over(held)
    assert told(decision) == ("False", "Conflict")
    assert (decision.actions, decision.served) == ((), None)
    assert "team-b/images holds its public name in store 'milvus'" in decision.conditions[0].message
    assert pass_over(held, DYING).actions == ()


async def test_the_holder_is_the_other_object_whose_status_says_so() -> None:
    def obj(namespace: str, name: str, stands_for: str) -> dict[str, Any]:
        return {"metadata": {"namespace": namespace, "name": name}, "status": {"collection": stands_for}}

    class Cluster:
        async def list(self, kind: str, namespace: str | None = None) -> list[dict[str, Any]]:
            assert (kind, namespace) == ("VectorCollection", None)
            return [obj("default", "images", "images__r_1"), obj("b", "images", "images__q_1"), obj("b", "x", "x__1")]

    async def holder(current: str | None) -> str:
        return await holder_of(Cluster(), "VectorCollection", "collection", META, current)  # type: ignore[arg-type]

    assert await holder("images__q_1") == "b/images"
    assert await holder("images__r_1") == await holder("x__1") == await holder("unknown") == await holder(None) == ""
