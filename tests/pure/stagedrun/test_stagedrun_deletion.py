"""How a deleted StagedRun goes: never from under readers, never while something writes, in bounded time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from staging_house import House


@pytest.mark.parametrize("kept", ["r-2", "r-1"])
def test_what_is_served_or_the_way_back_stays_though_it_was_deleted_by_hand(house: House, kept: str) -> None:
    house.train()
    house.train()
    name = next(one.metadata.name for one in house.staged.values() if one.spec.training_run_ref.name == kept)
    data = set(house.data)
    house.delete(name)
    house.settle(seconds=3600)
    assert house.data == data
    assert (house.ready(name).status, house.ready(name).reason) == ("False", "Held")
    house.train()
    house.train()
    house.settle(seconds=61)
    assert name not in house.staged
    assert house.physical(kept) == set()


def test_the_way_back_that_was_deleted_by_hand_and_has_lost_its_data_is_not_held(house: House) -> None:
    house.train()
    house.train()
    name = next(iter(house.staged))
    house.delete(name)
    house.settle()
    assert house.ready(name).reason == "Held"
    house.data -= house.physical("r-1")
    house.settle(seconds=61)
    assert name not in house.staged
    assert house.mat.status.active is not None
    assert house.mat.status.active.run == "r-2"


def test_its_data_outlives_it_for_the_grace_of_those_who_still_read_it(house: House) -> None:
    house.change(historyLimit=2)
    for _ in range(3):
        house.train()
    oldest = next(iter(house.staged))
    assert house.ready(oldest).reason == "Retiring"
    house.settle(seconds=58)
    assert house.physical("r-1") != set()
    house.settle(seconds=3)
    assert oldest not in house.staged
    assert house.physical("r-1") == set()


def test_nothing_is_dropped_while_a_staging_may_write(house: House) -> None:
    house.train("Hung")
    name = house.newest.metadata.name
    house.away = "Ray at http://ray did not answer"
    house.delete(name)
    house.settle(seconds=30)
    assert house.ready(name).reason == "Stopping"
    assert "may still write" in house.ready(name).message
    assert house.dropped == []
    house.away = ""
    house.look_at(name)
    house.look_at(name)
    assert name not in house.staged
    assert house.data == set()


def test_a_ray_that_stays_away_is_waited_for_in_bounded_time_and_what_stays_is_told(house: House) -> None:
    house.train("Hung")
    name, physical = house.newest.metadata.name, house.newest.status.outputs[0].physical
    house.away = "Ray at http://ray did not answer"
    house.delete(name)
    house.look_at(name)
    house.now += timedelta(seconds=59)
    house.look_at(name)
    assert name in house.staged
    house.now += timedelta(seconds=1)
    house.look_at(name)
    assert name not in house.staged
    assert physical in house.notes[0]
    assert house.dropped == []


def test_time_that_passed_while_nobody_looked_is_no_patience(house: House) -> None:
    house.train("Hung")
    name = house.newest.metadata.name
    (submission,) = house.jobs
    house.delete(name)
    house.now += timedelta(days=3)
    house.look_at(name)
    assert house.jobs[submission].terminal, "a deletion that was seen late stops all the same"
    house.jobs[submission] = type(house.jobs[submission]).RUNNING
    house.away = "Ray at http://ray did not answer"
    house.now += timedelta(days=3)
    house.since = house.now
    house.look_at(name)
    assert name in house.staged
    house.now += timedelta(seconds=60)
    house.look_at(name)
    assert name not in house.staged


def test_a_drop_that_fails_is_tried_again_and_the_record_stays(house: House) -> None:
    house.refusing = True
    house.train("Rejected")
    assert house.newest.status.drop_error.startswith("alias stands for")
    assert len(house.newest.status.outputs) == 2
    house.refusing = False
    house.settle()
    assert (house.newest.status.drop_error, house.newest.status.outputs, house.data) == ("", [], set())


def test_its_files_and_its_ray_job_go_with_it(house: House) -> None:
    house.train("Rejected")
    house.delete(house.newest.metadata.name)
    house.fates["r-1"] = "Hung"
    house.look()
    assert (house.jobs, house.files) == ({}, set())
