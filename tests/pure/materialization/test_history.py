"""Over any history of runs, specs, pins, time and losses: what is served is whole, and what nobody needs goes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from staging_house import House

OPERATIONS = st.one_of(
    st.tuples(st.just("train"), st.sampled_from(["Staged", "Staged", "Rejected", "Invalid", "Failed", "Hung"])),
    st.tuples(st.just("fate"), st.sampled_from(["Staged", "Rejected", "Failed"])),
    st.tuples(st.just("pin"), st.integers(0, 3)),
    st.tuples(st.just("unpin"), st.none()),
    st.tuples(st.just("keep"), st.integers(2, 4)),
    st.tuples(st.just("promotion"), st.sampled_from(["Automatic", "Manual"])),
    st.tuples(st.just("wait"), st.integers(1, 90)),
    st.tuples(st.just("look"), st.integers(1, 3)),
    st.tuples(st.just("gates"), st.integers(0, 2)),
    st.tuples(st.just("metric"), st.sampled_from(["Cosine", "L2"])),
    st.tuples(st.just("miss"), st.booleans()),
    st.tuples(st.just("refuse"), st.booleans()),
    st.tuples(st.just("away"), st.booleans()),
    st.tuples(st.just("lose"), st.integers(0, 5)),
    st.tuples(st.just("delete"), st.integers(0, 5)),
)


def do(house: House, operation: str, value: Any) -> None:
    match operation:
        case "train":
            house.train(value, settle=False)
        case "fate":
            house.fates = {run: value if fate != "Staged" else fate for run, fate in house.fates.items()}
        case "pin" if house.runs:
            house.change(settle=False, pinnedRunRef={"name": house.runs[value % len(house.runs)].metadata.name})
        case "unpin":
            house.change(settle=False, pinnedRunRef=None)
        case "keep":
            house.change(settle=False, historyLimit=value)
        case "promotion":
            house.change(settle=False, promotion=value)
        case "wait":
            house.settle(seconds=value)
        case "look":
            for _ in range(value):
                house.look()
        case "gates":
            gates = [
                {"name": f"rows-{n}", "type": "MinRows", "minRows": {"output": "embeddings", "rows": 5}}
                for n in range(value)
            ]
            house.change(settle=False, gates=gates)
        case "metric":
            house.metric = value
        case "miss":
            house.missing = "spec.features[0].featureViewRef: it does not exist" if value else ""
        case "refuse":
            house.refusing = value
        case "away":
            house.away = "Ray did not answer" if value else ""
        case "lose" if house.data:
            house.data.discard(sorted(house.data)[value % len(house.data)])
        case "delete" if house.staged:
            house.delete(list(house.staged)[value % len(house.staged)])


def come_to_rest(house: House) -> None:
    """The world heals, and time passes."""
    house.refusing, house.away, house.missing = False, "", ""
    house.fates = {run: "Staged" if fate == "Hung" else fate for run, fate in house.fates.items()}
    for _ in range(8):
        house.settle(seconds=600)


@given(st.lists(OPERATIONS, max_size=25))
@example([("train", "Staged"), ("train", "Staged"), ("pin", 0), ("gates", 1), ("lose", 0), ("unpin", None)])
@example([("train", "Staged"), ("look", 3), ("lose", 0), ("away", True), ("look", 3), ("train", "Rejected")])
@example([("train", "Staged"), ("promotion", "Manual"), ("train", "Staged"), ("lose", 0)])
@example([("train", "Staged"), ("wait", 1), ("delete", 0), ("lose", 0)])
@example([("train", "Staged"), ("train", "Rejected"), ("pin", 1), ("lose", 0)])
@example([*[("train", "Staged")] * 5, ("delete", 0), ("lose", 0)])
@settings(max_examples=100, deadline=None)
def test_whatever_happens_what_is_served_is_whole_in_the_end_and_nothing_is_left_over(
    operations: list[tuple[str, Any]],
) -> None:
    house = House()
    for operation, value in operations:
        do(house, operation, value)
        house.look()
    come_to_rest(house)
    mat = house.mat
    held = {output.physical for one in house.staged.values() for output in one.status.outputs}
    assert house.data <= held, "data that nobody knows of"
    needed = [one for one in house.staged.values() if one.status.kept_as is not None]
    assert {output.physical for one in needed for output in one.status.outputs} <= house.data
    staged = [one for one in house.staged.values() if one.status.state == "Staged"]
    assert len(staged) <= mat.spec.history_limit + 3
    if mat.status.active is not None:
        assert set(house.served()) <= house.data
        assert house.condition("Ready").status == "True"
    newest = house.runs[-1].metadata.name if house.runs else None
    by_itself = mat.spec.pinned_run_ref is None and mat.spec.promotion == "Automatic"
    if by_itself and house.condition("Staged").status == "True":
        assert house.active == newest
    house.deleted = house.now
    come_to_rest(house)
    assert (house.staged, house.data, house.files, house.recorded) == ({}, set(), set(), {})


@pytest.mark.parametrize("limit", [2, 3])
def test_so_many_staged_runs_are_kept(house: House, limit: int) -> None:
    house.change(historyLimit=limit)
    for _ in range(6):
        house.train()
    house.settle(seconds=61)
    kept = [one.spec.training_run_ref.name for one in house.staged.values()]
    assert kept == [f"r-{n}" for n in range(7 - limit, 7)]


def test_refusals_are_kept_for_people_to_read_but_not_for_ever(house: House) -> None:
    house.change(historyLimit=3)
    for _ in range(6):
        house.train("Rejected")
    house.settle(seconds=1)
    assert [one.spec.training_run_ref.name for one in house.staged.values()] == ["r-4", "r-5", "r-6"]
