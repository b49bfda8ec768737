"""A deleted Materialization goes after its StagedRuns."""

from __future__ import annotations

import pytest
from staging_house import House


@pytest.mark.parametrize("policy", ["Delete", "Retain"])
def test_it_goes_with_all_its_data_unless_the_resources_retain_it(house: House, policy: str) -> None:
    house.policy = policy
    house.train()
    house.train()
    house.train("Rejected")
    kept = set(house.data)
    house.deleted = house.now
    plan = house.look_at_materialization()
    assert (plan.finalized, house.condition("Ready").reason) == (False, "Deleting")
    house.settle()
    assert house.staged == {}
    assert house.data == (kept if policy == "Retain" else set())
    assert house.look_at_materialization().finalized


def test_a_run_beyond_the_history_limit_goes_though_the_resources_retain_what_is_kept(house: House) -> None:
    house.policy = "Retain"
    house.change(historyLimit=2)
    for _ in range(3):
        house.train()
    house.settle(seconds=61)
    assert house.data == house.physical("r-2") | house.physical("r-3")


def test_a_staging_under_way_is_stopped_first(house: House) -> None:
    house.train("Hung")
    (submission,) = house.jobs
    house.deleted = house.now
    house.look_at_materialization()
    house.look()
    assert house.jobs[submission].terminal
    house.settle()
    assert (house.staged, house.data, house.files, house.jobs) == ({}, set(), set(), {})
