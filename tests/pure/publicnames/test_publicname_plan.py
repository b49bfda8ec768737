"""A public name follows the pointer, says why when it does not, and takes along only what is its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.api.meta import DeletionPolicy, ObjectMeta
from penstock.naming import physical_name
from penstock_operator.loop.conditions import find
from penstock_operator.publicnames.plan import Decision, Name, Observed, Point, Pointed, Release, decide

NOW = datetime(2026, 1, 1, tzinfo=UTC)
META = ObjectMeta(name="images", generation=3)
NAME = Name(META, "alias", "VectorStore 'milvus'", None, DeletionPolicy.DELETE)
DYING = NAME._replace(meta=META.model_copy(update={"deletion_timestamp": NOW}))
WHAT = "alias 'images' in VectorStore 'milvus'"
FIRST, SECOND = Pointed("r-1", "images__r_1"), Pointed("r-2", "images__r_2")
FED = Observed(feeder="digits", pointed=FIRST, own=frozenset({FIRST.physical}))


def verdict(decision: Decision) -> tuple[str, str]:
    condition = find(decision.conditions, "Ready")
    assert condition is not None
    assert condition.observed_generation == 3
    return condition.status, condition.reason


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (Observed(store_exists=False), ("False", "MissingReference")),
        (replace(FED, store_problem="no answer"), ("Unknown", "StoreNotReady")),
        (Observed(), ("False", "WaitingForRun")),
        (Observed(feeder="digits", current="images__r_1"), ("False", "WaitingForRun")),
        (FED, ("Unknown", "Switching")),
        (replace(FED, current=SECOND.physical), ("Unknown", "Switching")),
        (replace(FED, current=FIRST.physical), ("True", "Serving")),
    ],
)
def test_what_was_seen_is_told(seen: Observed, expected: tuple[str, str]) -> None:
    decision = decide(NAME, [], seen, NOW)
    assert verdict(decision) == expected
    assert not decision.finalized
    assert (decision.served is not None) == (expected[1] == "Serving")


@pytest.mark.parametrize(
    ("seen", "message"),
    [
        (Observed(store_exists=False), "spec.storeRef: VectorStore 'milvus' does not exist: create it"),
        (Observed(feeder="digits"), "No run of Materialization digits has been promoted yet"),
        (Observed(), "No run has been promoted yet"),
        (
            replace(FED, current="images__q_1", other="team-b/images"),
            f"team-b/images holds the {WHAT}: choose another name or another store",
        ),
        (
            replace(FED, current="theirs"),
            f"The {WHAT} stands for 'theirs', which Penstock did not make: remove it, or choose another name",
        ),
        (replace(FED, current=FIRST.physical), "Stands for run r-1"),
        (
            replace(FED, pointed=replace(FIRST, outdated=True), current=FIRST.physical),
            "Stands for run r-1 as it was staged before the spec changed",
        ),
    ],
)
def test_messages_name_what_to_mend(seen: Observed, message: str) -> None:
    condition = find(decide(NAME, [], seen, NOW).conditions, "Ready")
    assert condition is not None
    assert condition.message == message


@pytest.mark.parametrize("current", [None, SECOND.physical])
def test_a_name_that_stands_for_another_run_is_moved_and_looked_at_at_once(current: str | None) -> None:
    decision = decide(NAME, [], replace(FED, current=current), NOW)
    assert decision.actions == (Point(FIRST.physical),)
    assert decision.after == 0


def test_a_name_that_somebody_else_made_is_not_taken_over_but_ours_that_was_moved_is_put_back() -> None:
    seen = replace(FED, current="theirs")
    assert verdict(decide(NAME, [], seen, NOW)) == ("False", "Conflict")
    assert decide(NAME, [], seen, NOW).actions == ()
    assert decide(NAME._replace(before=FIRST.physical), [], seen, NOW).actions == (Point(FIRST.physical),)


@pytest.mark.parametrize("name", ["images", "a" * 63, "2-images"])
def test_a_name_that_was_retained_by_a_predecessor_is_taken_over(name: str) -> None:
    retained = physical_name(name, "3f2a9c41-2", "5d3c8a40-9d9c")
    ours = NAME._replace(meta=META.model_copy(update={"name": name}))
    assert decide(ours, [], replace(FED, current=retained), NOW).actions == (Point(FIRST.physical),)


def test_a_name_without_a_pointer_is_left_as_it_is() -> None:
    assert decide(NAME, [], Observed(current="images__r_0"), NOW).actions == ()


def test_a_name_that_another_object_holds_is_neither_moved_nor_removed() -> None:
    held = replace(FED, current="images__q_1", other="team-b/images")
    decision = decide(NAME, [], held, NOW)
    assert verdict(decision) == ("False", "Conflict")
    assert (decision.actions, decision.served) == ((), None)
    assert decide(DYING, [], held, NOW).cleanup == ()


@given(
    st.builds(
        Observed,
        store_exists=st.booleans(),
        store_problem=st.sampled_from(["", "no answer"]),
        feeder=st.sampled_from(["", "a"]),
        pointed=st.sampled_from([None, FIRST, SECOND]),
        current=st.sampled_from([None, FIRST.physical, SECOND.physical, "theirs"]),
        own=st.sampled_from([frozenset(), frozenset({FIRST.physical, SECOND.physical})]),
        other=st.sampled_from(["", "team-b/images"]),
    ),
    st.sampled_from([None, FIRST.physical]),
)
def test_only_the_pointer_ever_moves_a_name_and_then_it_rests(seen: Observed, before: str | None) -> None:
    name = NAME._replace(before=before)
    decision = decide(name, [], seen, NOW)
    if decision.actions:
        assert seen.store_exists
        assert not seen.store_problem
        assert seen.pointed is not None
        assert decision.actions == (Point(seen.pointed.physical),)
        settled = decide(name, [], replace(seen, current=seen.pointed.physical, other=""), NOW)
        assert settled.actions == ()
        assert settled.served == seen.pointed
    assert decide(name, [], seen, NOW) == decision


@pytest.mark.parametrize(
    ("before", "seen", "released"),
    [
        (None, replace(FED, current=FIRST.physical), (FIRST.physical,)),
        (SECOND.physical, replace(FED, current=SECOND.physical), (SECOND.physical,)),
        (FIRST.physical, Observed(current=FIRST.physical), (FIRST.physical,)),
        (FIRST.physical, replace(FED, current="theirs"), ()),
        (None, Observed(current="images__r_9"), ()),
        (FIRST.physical, FED, ()),
        (None, Observed(store_problem="no answer"), ()),
        (SECOND.physical, replace(FED, store_problem="no answer"), (FIRST.physical, SECOND.physical)),
    ],
)
def test_a_deleted_name_takes_along_only_what_it_pointed(
    before: str | None, seen: Observed, released: tuple[str, ...]
) -> None:
    decision = decide(DYING._replace(before=before), [], seen, NOW)
    assert decision.finalized
    assert (decision.actions, decision.notes) == ((), ())
    assert decision.cleanup == ((Release(WHAT, released),) if released else ())
    assert all(str(action) == WHAT for action in decision.cleanup)
    retained = decide(DYING._replace(before=before, policy=DeletionPolicy.RETAIN), [], seen, NOW)
    assert (retained.finalized, retained.cleanup) == (True, ())


def test_a_deleted_name_whose_store_is_gone_says_what_may_stay() -> None:
    gone = Observed(store_exists=False)
    assert decide(DYING, [], gone, NOW).notes == ()
    (note,) = decide(DYING._replace(before=FIRST.physical), [], gone, NOW).notes
    assert note == f"The {WHAT} may stay behind: the store does not exist any more"


def test_the_transition_time_moves_with_the_truth_only() -> None:
    before = decide(NAME, [], replace(FED, current=FIRST.physical), NOW).conditions
    later = NOW + timedelta(seconds=60)
    seen = replace(FED, pointed=SECOND, current=SECOND.physical)
    same = find(decide(NAME, before, seen, later).conditions, "Ready")
    moved = find(decide(NAME, before, Observed(), later).conditions, "Ready")
    assert same is not None
    assert moved is not None
    assert (same.last_transition_time, same.message) == (NOW, "Stands for run r-2")
    assert moved.last_transition_time == later
