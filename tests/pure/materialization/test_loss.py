"""Data that has gone from under the pointer: it is told, and staged again."""

from __future__ import annotations

import pytest
from staging_house import House


def test_what_is_served_and_gone_is_told_and_staged_again(house: House) -> None:
    house.train()
    first = house.served()
    house.data.clear()
    house.look()
    assert (house.ready().status, house.ready().reason) == ("False", "DataLost")
    assert first[0] in house.ready().message
    assert (house.condition("Ready").status, house.condition("Ready").reason) == ("False", "DataLost")
    house.settle(seconds=5)
    assert house.active == "r-1"
    assert house.served() != first
    assert house.data == set(house.served())
    assert house.condition("Ready").status == "True"


def test_what_is_held_though_deleted_is_watched_too_and_not_held_once_it_has_gone(house: House) -> None:
    house.train()
    (name,) = house.staged
    house.delete(name)
    house.settle()
    assert house.look_at(name).requeue_after
    before = house.served()
    house.data.clear()
    house.settle(seconds=5)
    assert (house.active, house.data) == ("r-1", set(house.served()))
    assert house.served() != before
    assert house.condition("Ready").status == "True"


@pytest.mark.parametrize("promotion", ["Automatic", "Manual"])
def test_a_lost_run_that_is_not_the_newest_is_served_again_though_the_newest_was_refused(
    house: House, promotion: str
) -> None:
    house.train()
    house.train("Rejected")
    house.change(promotion=promotion)
    house.data.clear()
    house.settle(seconds=5)
    assert (house.active, house.data) == ("r-1", set(house.served()))
    assert house.condition("Ready").status == "True"


def test_a_staged_run_that_somebody_took_away_by_force_is_made_again(house: House) -> None:
    house.train()
    del house.staged[house.newest.metadata.name]
    house.look_at_materialization()
    assert house.condition("Ready").reason == "DataLost"
    house.settle()
    assert (house.active, house.condition("Ready").status) == ("r-1", "True")


def test_what_is_served_and_gone_comes_back_though_the_pin_names_what_was_refused(house: House) -> None:
    house.train()
    house.train("Rejected")
    house.pin("r-2")
    house.data.clear()
    house.settle(seconds=5)
    assert (house.active, house.data) == ("r-1", set(house.served()))
    assert house.condition("Ready").status == "True"
    assert house.condition("Promoted").reason == "PinnedRunUnavailable"


def test_a_pinned_run_that_is_lost_is_staged_again(house: House) -> None:
    house.train()
    house.train()
    house.pin("r-1")
    house.data.clear()
    house.settle(seconds=5)
    assert (house.active, house.condition("Promoted").reason) == ("r-1", "Pinned")
    assert set(house.served()) <= house.data


def test_a_lost_run_is_served_again_though_a_newer_one_waits_for_promotion(house: House) -> None:
    house.train()
    house.change(promotion="Manual")
    house.train()
    first = house.served()
    house.data -= set(first)
    house.settle(seconds=5)
    assert (house.active, house.condition("Ready").status) == ("r-1", "True")
    assert house.served() != first
    assert set(house.served()) <= house.data
    assert house.condition("Promoted").reason == "AwaitingPromotion"


def test_nobody_is_sent_back_to_what_is_gone(house: House) -> None:
    house.train()
    house.train()
    house.data -= house.physical("r-1")
    house.settle(seconds=61)
    assert (house.active, house.mat.status.previous) == ("r-2", None)
    assert [one.spec.training_run_ref.name for one in house.staged.values()] == ["r-2"]
