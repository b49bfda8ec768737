"""What a StagedRun says of itself, and which of its conditions are worth an event."""

from __future__ import annotations

import pytest
from staging_house import House

from penstock.api.gates import GateResult
from penstock.api.stagedrun import StagedRun
from penstock_operator.stagedrun.passes import STEPS, Pass


@pytest.mark.parametrize(
    ("gates", "said"),
    [
        (0, "Run r-1 is staged"),
        (1, "Run r-1 is staged and passed 1 gate"),
        (2, "Run r-1 is staged and passed 2 gates"),
    ],
)
def test_it_counts_the_gates_that_it_passed(house: House, gates: int, said: str) -> None:
    house.train()
    one = house.newest
    one.status.gates = [GateResult(name=f"g{number}", passed=True) for number in range(gates)]
    assert Pass(one, house._around(one), house.now, house.since).passed == said


def test_its_steps_are_no_events_since_ready_says_the_same_with_a_message() -> None:
    assert set(STEPS) <= StagedRun.MIRRORS
