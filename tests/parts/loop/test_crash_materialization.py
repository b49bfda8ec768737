"""A control plane that dies around any effect of a materialization comes to the same end, and drops nothing served."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.api.materialization import Materialization
from penstock.naming import stage_uri

NAMES = {"Materialization": "digits", "FeatureView": "images", "VectorCollection": "images"}
Step = tuple[str, str]


def pin(world: Any, run: str) -> None:
    def write(store: Any) -> None:
        mat = store.get("Materialization", "default", "digits")
        mat["spec"]["pinnedRunRef"] = {"name": run}
        store.update(mat)

    world.change(write)


def change(world: Any, run: str, what: str) -> None:
    """The gates or the collection change, or the view is not fed any more; how stagings end from now on is told too."""
    fate, field = what.split()
    world.fates[run] = fate
    gates = [{"name": "rows", "type": "MinRows", "minRows": {"output": "embeddings", "rows": 5}}]

    def write(store: Any) -> None:
        if field == "collection":
            collection = store.get("VectorCollection", "default", "images")
            store.update({**collection, "spec": {**collection["spec"], "metric": "L2"}})
            return
        mat = store.get("Materialization", "default", "digits")
        mat["spec"][field] = gates if field == "gates" else []
        store.update(mat)

    world.change(write)


def delete(world: Any) -> None:
    world.change(lambda store: store.delete("TrainingJob", "default", "digits"))
    world.change(lambda store: store.delete("Materialization", "default", "digits"))


def live(world: Any, steps: list[Step], at: int = 0, after: bool = False) -> int:
    """Let it come to rest after each step; the number of effects of the last one. It may die around one of each."""
    for run, what in steps:
        world.fuse.arm(at, after)
        if what == "pin":
            pin(world, run)
        elif what == "delete":
            delete(world)
        elif " " in what:
            change(world, run, what)
        else:
            world.train(run, what)
        asyncio.run(world.settle())
    return int(world.fuse.count)


def end(world: Any) -> dict[str, Any]:
    """What is, but for times; a StagedRun is called by its run and the order in which they were first submitted."""
    uids = list(dict.fromkeys(spec.uid for spec in world.ray.specs.values()))

    def plain(name: str) -> str:
        """A physical name or a submission, with the number of its StagedRun for its uid."""
        for number, uid in enumerate(uids, 1):
            name = name.replace(f"penstock-{uid}", f"#{number}").replace(f"_{uid.replace('-', '')[:8]}", f"#{number}")
        return name

    found: dict[str, Any] = {
        "views": {plain(name) for name in world.views.data},
        "collections": {plain(name) for name in world.collections.data},
        "services": {name: plain(view) for name, view in world.views.names.items()},
        "aliases": {name: plain(collection) for name, collection in world.collections.names.items()},
        "submissions": sorted(plain(submission) for submission in world.ray.accepted),
        "kept": sorted(path.name for path in Path(world.installation.artifacts).glob("*/*/*")),
        "staged": [
            (one.spec.training_run_ref.name, str(one.status.state), one.status.tries, one.status.kept_as)
            for one in world.staged()
        ],
        "reasons": [one.reason for staged in world.staged() for one in staged.status.conditions if one.type == "Ready"],
    }
    for kind, name in NAMES.items():
        obj = world.get((kind, "default", name))
        if obj is None:
            continue
        status = obj["status"]
        found[kind] = [(c["type"], c["status"], c["reason"]) for c in status["conditions"]]
        found[f"{kind} run"] = status.get("run")
    obj = world.get(("Materialization", "default", "digits"))
    if obj is not None:
        mat = Materialization.model_validate(obj)
        found["active"] = mat.status.active.run if mat.status.active is not None else None
        found["served"] = sorted(plain(o.physical) for o in mat.status.active.outputs) if mat.status.active else []
        found["previous"] = mat.status.previous.run if mat.status.previous is not None else None
    return found


def first(whole: dict[str, Any]) -> None:
    assert (whole["active"], whole["previous"]) == ("r-1", None)
    assert whole["services"] == whole["aliases"] == {"images": "images__r_1#1"}
    assert whole["FeatureView run"] == whole["VectorCollection run"] == "r-1"
    assert whole["submissions"] == ["#1-1"]


def refused(whole: dict[str, Any]) -> None:
    """r-2 left nothing in the stores, and r-1 is served still."""
    assert (whole["active"], whole["previous"]) == ("r-1", None)
    assert whole["views"] == whole["collections"] == {"images__r_1#1"}
    assert [run[:2] for run in whole["staged"]] == [("r-1", "Staged"), ("r-2", "Refused")]
    tries = whole["staged"][1][2]
    assert whole["submissions"] == ["#1-1", "#2-1", "#2-2"][: 1 + tries]


def overdue(whole: dict[str, Any]) -> None:
    """Both tries of r-2 were stopped at the deadline, and the last word says so."""
    refused(whole)
    assert whole["submissions"] == ["#1-1", "#2-1", "#2-2"]
    assert whole["reasons"] == ["Staged", "DeadlineExceeded"]


def collected(whole: dict[str, Any]) -> None:
    """r-1 is gone after its grace, r-2 is kept for a rollback and r-3 is served."""
    assert (whole["active"], whole["previous"]) == ("r-3", "r-2")
    assert whole["views"] == whole["collections"] == {"images__r_2#2", "images__r_3#3"}
    assert whole["services"] == whole["aliases"] == {"images": "images__r_3#3"}
    assert whole["submissions"] == ["#1-1", "#2-1", "#3-1"]


def rolled_back(whole: dict[str, Any]) -> None:
    assert (whole["active"], whole["previous"]) == ("r-1", "r-2")
    assert whole["services"] == whole["aliases"] == {"images": "images__r_1#1"}
    assert whole["views"] == whole["collections"] == {"images__r_1#1", "images__r_2#2"}


def pinned(whole: dict[str, Any]) -> None:
    """The pinned run, the one before it and the newest are all there, one more than the limit."""
    assert (whole["active"], whole["previous"]) == ("r-1", "r-2")
    assert whole["views"] == whole["collections"] == {"images__r_1#1", "images__r_2#2", "images__r_3#3"}
    assert whole["submissions"] == ["#1-1", "#2-1", "#3-1"]


def restaged(whole: dict[str, Any]) -> None:
    """The run is served as it was staged for what changed, and the old staging is gone after its grace."""
    assert (whole["active"], whole["previous"]) == ("r-1", None)
    assert whole["served"] == ["images__r_1#2"] * 2
    assert whole["views"] == whole["collections"] == {"images__r_1#2"}
    assert whole["services"] == whole["aliases"] == {"images": "images__r_1#2"}
    assert whole["submissions"] == ["#1-1", "#2-1"]


def restaged_in_vain(whole: dict[str, Any]) -> None:
    """The new gates refuse the run, which is served as it was."""
    assert whole["served"] == ["images__r_1#1"] * 2
    assert whole["views"] == whole["collections"] == {"images__r_1#1"}
    assert whole["services"] == whole["aliases"] == {"images": "images__r_1#1"}
    assert [run[:2] for run in whole["staged"]] == [("r-1", "Staged"), ("r-1", "Refused")]
    assert whole["reasons"] == ["Staged", "GateFailed"]
    assert ("Staged", "False", "GateFailed") in whole["Materialization"]


def restaged_without_the_view(whole: dict[str, Any]) -> None:
    """Nothing is left of the view that is not fed any more, nor of its public name."""
    assert whole["served"] == ["images__r_1#2"]
    assert (whole["views"], whole["services"]) == (set(), {})
    assert (whole["collections"], whole["aliases"]) == ({"images__r_1#2"}, {"images": "images__r_1#2"})
    assert whole["FeatureView run"] is None


def gone(whole: dict[str, Any]) -> None:
    assert "Materialization" not in whole
    assert whole["views"] == whole["collections"] == set()
    assert whole["services"] == whole["aliases"] == {}
    assert whole["kept"] == []
    assert whole["FeatureView run"] is whole["VectorCollection run"] is None


GOOD: list[Step] = [("r-1", "Staged"), ("r-2", "Staged"), ("r-3", "Staged")]


@pytest.mark.parametrize(
    ("steps", "expected", "least"),
    [
        (GOOD[:1], first, 9),
        ([GOOD[0], ("r-2", "Rejected")], refused, 5),
        ([GOOD[0], ("r-2", "Failed")], refused, 8),
        ([GOOD[0], ("r-2", "Hung")], overdue, 10),
        (GOOD, collected, 10),
        ([*GOOD[:2], ("r-1", "pin")], rolled_back, 5),
        ([*GOOD[:2], ("r-1", "pin"), GOOD[2]], pinned, 4),
        ([*GOOD[:2], ("", "delete")], gone, 9),
        ([GOOD[0], ("r-1", "Staged gates")], restaged, 9),
        ([GOOD[0], ("r-1", "Rejected gates")], restaged_in_vain, 5),
        ([GOOD[0], ("r-1", "Staged collection")], restaged, 9),
        ([GOOD[0], ("r-1", "Rejected collection")], restaged_in_vain, 5),
        ([GOOD[0], ("r-1", "Staged features")], restaged_without_the_view, 8),
    ],
)
def test_the_end_is_the_same_wherever_the_control_plane_dies(
    new_world: Callable[[], Any], steps: list[Step], expected: Callable[[dict[str, Any]], None], least: int
) -> None:
    before = new_world()
    live(before, steps[:-1])
    again = before.keep()
    undisturbed = again()
    effects = live(undisturbed, steps[-1:])
    assert effects >= least
    whole = end(undisturbed)
    expected(whole)
    # After one of them is before the next.
    for at, after in [*((at, False) for at in range(1, effects + 1)), (effects, True)]:
        world = again()
        assert live(world, steps[-1:], at, after) >= at
        assert [(key, value) for key, value in end(world).items() if value != whole[key]] == [], (at, after)


def test_a_corrupt_report_refuses_the_run_by_name_and_holds_up_nothing(new_world: Callable[[], Any]) -> None:
    world = new_world()
    live(world, [GOOD[0], ("r-2", "Garbled")])
    whole = end(world)
    refused(whole)
    assert whole["reasons"] == ["Staged", "StagingFailed"]
    staged = world.staged()[-1]
    (message,) = [one.message for one in staged.status.conditions if one.type == "Ready"]
    assert f"{stage_uri(staged.spec.uri, staged.metadata.uid)}/report.json cannot be read" in message
    # Staged again, it is served; and a deletion in the middle of a try goes through.
    live(world, [("r-2", "Staged gates")])
    assert end(world)["active"] == "r-2"
    live(world, [("r-3", "Garbled"), ("", "delete")])
    gone(end(world))
