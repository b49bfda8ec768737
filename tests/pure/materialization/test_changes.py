"""A changed spec or target stages the newest run again, beside what is served and never over it."""

from __future__ import annotations

from typing import Any

import pytest
from staging_house import House

GATES = [{"name": "rows", "type": "MinRows", "minRows": {"output": "embeddings", "rows": 5}}]


def change(house: House, what: str) -> None:
    if what == "gates":
        house.change(gates=GATES)
    else:
        house.metric = "L2"
        house.settle()


@pytest.mark.parametrize("what", ["gates", "collection"])
def test_what_is_served_stays_until_the_new_staging_passes_and_goes_after_its_grace(house: House, what: str) -> None:
    house.train()
    old = set(house.served())
    change(house, what)
    new = set(house.served())
    assert not new & old
    assert house.data == old | new
    house.settle(seconds=59)
    assert house.data == old | new
    house.settle(seconds=2)
    assert house.data == new
    assert (house.active, house.mat.status.previous) == ("r-1", None)


@pytest.mark.parametrize("fate", ["Rejected", "Invalid", "Failed"])
def test_a_new_staging_that_is_refused_leaves_the_old_one_serving_and_says_so(house: House, fate: str) -> None:
    house.train()
    old = house.served()
    house.fates["r-1"] = fate
    house.change(gates=GATES)
    for _ in range(6):
        house.settle(seconds=60)
    assert house.served() == old
    assert house.data == set(old)
    assert (house.condition("Staged").status, house.condition("Ready").status) == ("False", "True")
    assert "it is as it was staged, before spec.features, vectors or gates changed" in house.condition("Ready").message


def test_a_change_that_is_taken_back_before_the_grace_is_over_needs_no_staging_of_what_is_served(house: House) -> None:
    house.train()
    old = house.served()
    house.fates["r-1"] = "Hung"
    house.change(gates=GATES)
    house.change(gates=[])
    house.settle(seconds=120)
    assert house.served() == old
    assert house.data == set(old)


def test_a_staging_is_given_up_when_what_it_is_for_changes(house: House) -> None:
    house.train("Hung")
    first = house.newest.metadata.name
    house.change(gates=GATES, settle=False)
    house.look_at_materialization()
    assert house.condition("Staged").reason == "Superseded"
    house.fates["r-1"] = "Staged"
    house.settle(seconds=5)
    assert first not in house.staged
    assert house.active == "r-1"
    assert house.data == set(house.served())


def test_what_is_missing_for_a_while_changes_nothing(house: House) -> None:
    house.train()
    before = dict(house.staged)
    house.missing = "spec.features[0].featureViewRef: FeatureView 'images' does not exist: create it"
    house.settle()
    assert (house.condition("Staged").status, house.condition("Staged").reason) == ("False", "MissingReference")
    assert (house.active, house.condition("Ready").status) == ("r-1", "True")
    house.missing = ""
    house.settle()
    assert list(house.staged) == list(before)
    assert house.condition("Staged").status == "True"


@pytest.mark.parametrize(
    "fields",
    [{"historyLimit": 7}, {"gracePeriodSeconds": 5}, {"stagingDeadlineSeconds": 99}, {"stagingRetryLimit": 0}],
)
def test_what_does_not_change_the_result_stages_nothing(house: House, fields: dict[str, Any]) -> None:
    house.train()
    house.change(**fields)
    assert house.created == 1


def test_a_newer_run_waits_for_a_staging_that_is_under_way_and_replaces_one_that_backs_off(house: House) -> None:
    house.train("Hung")
    house.train()
    assert "waits for run r-1" in house.condition("Staged").message
    house.fates["r-1"] = "Failed"
    house.settle()
    house.settle()
    assert house.active == "r-2"
    assert [one.spec.training_run_ref.name for one in house.staged.values()] == ["r-2"]


def test_no_run_older_than_the_one_that_is_served_is_promoted_by_itself(house: House) -> None:
    house.train()
    house.change(gates=GATES)
    house.change(gates=[])
    house.train()
    house.fates["r-2"] = "Hung"
    house.change(gates=GATES)
    assert house.active == "r-2"


@pytest.mark.parametrize("pinned", [False, True])
def test_what_ray_refuses_for_good_is_refused_and_staged_again_once_spec_ray_is_another(
    house: House, pinned: bool
) -> None:
    house.train()
    house.train("Unfit")
    if pinned:
        house.pin("r-2")
    house.settle(seconds=600)
    told = house.condition("Staged")
    assert (told.status, told.reason, told.message) == ("False", "InvalidSpec", 'unknown field "spec.volumez"')
    assert (house.ready().status, house.ready().reason) == ("False", "InvalidSpec")
    assert (house.newest.status.tries, house.active) == (1, "r-1")
    house.fates["r-2"] = "Staged"
    house.settle(seconds=600)
    assert house.active == "r-1"
    house.change(ray={"type": "KubeRay", "kubeRay": {}})
    house.settle(seconds=120)
    assert house.active == "r-2"
