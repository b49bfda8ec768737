"""Which run is served: the newest good one, or the one that somebody chose."""

from __future__ import annotations

from staging_house import House

from penstock.api.materialization import Materialization
from penstock.api.stagedrun import StagedRun
from penstock.rundir.digests import digest_json


def test_a_run_is_staged_under_names_of_its_own_and_then_served(house: House) -> None:
    house.settle()
    assert (house.condition("Staged").reason, house.condition("Ready").reason) == ("WaitingForRun", "NoRun")
    run = house.train()
    assert house.active == run
    assert house.served() == ["images__r_1_00000001"] * 2
    assert {c.type: c.status for c in house.newest.status.conditions} == {
        "Loaded": "True",
        "Verified": "True",
        "GatesPassed": "True",
        "Ready": "True",
    }
    assert [house.condition(one).status for one in ("Ready", "Staged", "Promoted")] == ["True"] * 3
    assert house.newest.status.kept_as == "Active"


def test_the_pointer_names_the_staged_run_and_all_that_a_gateway_needs(house: House) -> None:
    house.train()
    active, staged = house.mat.status.active, house.newest
    assert active is not None
    assert (active.staged_run_ref.name, active.staged_run_ref.uid) == (staged.metadata.name, staged.metadata.uid)
    assert (active.uri, active.trained_at) == (staged.spec.uri, staged.spec.trained_at)


def test_the_run_before_is_kept_and_named_as_the_way_back(house: House) -> None:
    house.train()
    house.train()
    previous = house.mat.status.previous
    assert (house.active, previous.run if previous else None) == ("r-2", "r-1")
    kept = {one.spec.training_run_ref.name: one.status.kept_as for one in house.staged.values()}
    assert kept == {"r-1": "Previous", "r-2": "Active"}


def test_a_refused_run_leaves_what_is_served_and_nothing_in_the_stores(house: House) -> None:
    house.train()
    house.train("Rejected")
    assert house.active == "r-1"
    staged = house.condition("Staged")
    assert (staged.status, staged.reason) == ("False", "GateFailed")
    assert staged.message == "gate rows: 4 is below 5"
    assert house.physical("r-2") == set()
    assert house.condition("Ready").status == "True"


def test_manual_promotion_waits_for_a_person(house: House) -> None:
    house.change(promotion="Manual")
    house.train()
    assert (house.active, house.condition("Promoted").reason) == (None, "AwaitingPromotion")
    house.pin("r-1")
    assert (house.active, house.condition("Promoted").reason) == ("r-1", "Pinned")


def test_a_pin_rolls_back_and_its_end_goes_forward_again(house: House) -> None:
    house.train()
    house.train()
    house.pin("r-1")
    assert house.active == "r-1"
    house.train()
    assert (house.active, house.condition("Staged").status) == ("r-1", "True")
    house.pin(None)
    assert house.active == "r-3"


def test_a_pinned_run_that_is_not_staged_any_more_is_staged_again(house: House) -> None:
    house.change(historyLimit=2)
    for _ in range(4):
        house.train()
    house.settle(seconds=120)
    assert house.physical("r-1") == set()
    house.pin("r-1")
    assert house.active == "r-1"
    assert len(house.physical("r-1")) == 1


def test_while_a_pinned_run_is_staged_nobody_is_told_that_it_cannot_be(house: House) -> None:
    house.change(historyLimit=2)
    for _ in range(4):
        house.train()
    house.settle(seconds=120)
    house.change(settle=False, pinnedRunRef={"name": "r-1"})
    house.look_at_materialization()
    assert (house.active, house.condition("Promoted").status) == ("r-4", "Unknown")
    assert house.condition("Promoted").reason == "StagingPinnedRun"


def test_a_pin_of_a_refused_run_names_what_refused_it(house: House) -> None:
    house.train()
    house.train("Rejected")
    house.pin("r-2")
    assert (house.active, house.condition("Promoted").reason) == ("r-1", "PinnedRunUnavailable")
    assert house.newest.metadata.name in house.condition("Promoted").message


def test_a_pin_of_what_there_is_not_leaves_what_is_served(house: House) -> None:
    house.train()
    house.pin("r-9")
    assert (house.active, house.condition("Promoted").reason) == ("r-1", "PinnedRunUnavailable")


def test_suspended_it_stages_and_promotes_nothing(house: House) -> None:
    house.train()
    house.change(suspend=True)
    house.train()
    assert (house.active, len(house.staged)) == ("r-1", 1)
    assert (house.condition("Staged").reason, house.condition("Promoted").reason) == ("Suspended", "Suspended")
    house.change(suspend=False)
    assert house.active == "r-2"


def test_the_younger_of_two_that_feed_one_view_says_so_and_does_nothing(house: House) -> None:
    house.conflict = "Materialization 'older', which is older, feeds FeatureView 'images'"
    house.train()
    assert house.staged == {}
    for type_ in ("Ready", "Staged", "Promoted"):
        assert (house.condition(type_).status, house.condition(type_).reason) == ("False", "Conflict")
        assert "'older'" in house.condition(type_).message
    house.conflict = ""
    house.settle()
    assert house.active == "r-1"


def test_the_pointer_and_the_way_back_have_a_copy_beside_the_runs(house: House) -> None:
    house.train()
    document = house.recorded["/runs/default/digits/serving/digits.json"]
    assert document["active"]["stagedRunRef"]["uid"] == house.newest.metadata.uid
    house.train()
    house.change(historyLimit=2)
    document = house.recorded["/runs/default/digits/serving/digits.json"]
    assert house.mat.status.recorded == digest_json(document)
    # All of it can be read as the objects that it was.
    status = {name: document[name] for name in ("active", "previous")}
    mat = Materialization.model_validate({"kind": "Materialization", **document["materialization"], "status": status})
    assert (mat.spec, mat.status.active, mat.status.previous) == (
        house.mat.spec,
        house.mat.status.active,
        house.mat.status.previous,
    )
    again = [StagedRun.model_validate({"kind": "StagedRun", **one}) for one in document["stagedRuns"]]
    staged = {one.metadata.name: one for one in again}
    assert staged.keys() == house.staged.keys()
    for name, one in house.staged.items():
        assert (staged[name].spec, staged[name].status.outputs) == (one.spec, one.status.outputs)
        assert staged[name].status.state == "Staged"


def test_the_copy_is_written_when_something_of_it_is_another_and_only_then(house: House) -> None:
    house.train()
    house.recorded.clear()
    house.settle(seconds=600)
    assert house.recorded == {}
    house.change(historyLimit=4)
    (document,) = house.recorded.values()
    assert document["materialization"]["spec"]["historyLimit"] == 4


def test_the_copy_goes_with_the_materialization(house: House) -> None:
    house.train()
    assert house.recorded
    house.deleted = house.now
    house.settle(seconds=1)
    assert house.recorded == {}
