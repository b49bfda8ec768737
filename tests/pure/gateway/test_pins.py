"""Which runs may be pinned: asked of the API seldom, and never by how many names a caller tries."""

from __future__ import annotations

import asyncio

import pytest
from gateway_runs import Runs

from penstock.api.meta import ObjectMeta
from penstock.gateway.errors import Unavailable
from penstock.gateway.pins import AWAY_SECONDS, FOUND_SECONDS, MISSING_SECONDS, MOST, Pins


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def runs() -> Runs:
    return Runs()


@pytest.fixture
def pins(runs: Runs, clock: Clock) -> Pins:
    return Pins(runs, ObjectMeta(name="m", namespace="default", uid="u"), clock)


async def found(pins: Pins, run: str) -> str | None:
    kept = await pins.find(run)
    return kept.uid if kept is not None else None


async def test_many_unknown_names_cost_one_question_in_a_while(pins: Pins, runs: Runs, clock: Clock) -> None:
    runs.keep("a")
    for number in range(100):
        assert await found(pins, f"x{number}") is None
    assert await asyncio.gather(*(found(pins, f"y{number}") for number in range(100))) == [None] * 100
    assert runs.asked == 1
    clock.now += MISSING_SECONDS
    runs.keep("b")
    assert await asyncio.gather(*(found(pins, "b") for _ in range(100))) == ["b"] * 100
    assert runs.asked == 2


async def test_a_run_that_was_found_is_not_looked_for_again_for_a_while(pins: Pins, runs: Runs, clock: Clock) -> None:
    runs.keep("a")
    assert await found(pins, "a") == "a"
    runs.drop("a")
    clock.now += FOUND_SECONDS - 1
    assert (await found(pins, "a"), runs.asked) == ("a", 1)
    clock.now += 1
    assert (await found(pins, "a"), runs.asked) == (None, 2)


async def test_while_the_api_is_away_what_is_known_stays_and_what_is_not_is_said_to_be_unknown(
    pins: Pins, runs: Runs, clock: Clock
) -> None:
    runs.keep("a")
    assert await found(pins, "a") == "a"
    runs.away = True
    clock.now += FOUND_SECONDS * 10
    for _ in range(10):
        assert await found(pins, "a") == "a"
        with pytest.raises(Unavailable, match="whether run 'b' is kept: the Kubernetes API does not answer"):
            await pins.find("b")
    assert runs.asked == 2, "an API that is away is not asked by every query"
    runs.away = False
    runs.keep("b")
    clock.now += AWAY_SECONDS
    assert await found(pins, "b") == "b"


async def test_a_run_that_was_served_is_known_though_the_api_is_away(pins: Pins, runs: Runs, clock: Clock) -> None:
    runs.keep("a")
    kept = await pins.find("a")
    assert kept is not None
    other = Pins(runs, ObjectMeta(name="m", namespace="default", uid="u"), clock)
    runs.away = True
    other.note(kept)
    assert await found(other, "a") == "a"
    runs.away = False
    runs.drop("a")
    clock.now += AWAY_SECONDS
    assert await found(other, "a") is None, "the list has the last word"


async def test_what_is_remembered_is_bounded(pins: Pins, runs: Runs) -> None:
    runs.keep("first", *(f"r{number}" for number in range(MOST)))
    assert await found(pins, f"r{MOST - 1}") == f"r{MOST - 1}"
    assert len(pins.runs()) == MOST
    kept = await pins.find("r5")
    assert kept is not None
    pins.note(kept)
    assert len(pins.runs()) == MOST
