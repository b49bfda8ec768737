"""Blocking calls: who waits for a busy endpoint is served, one that hangs is told at once and delays no other."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import pytest

from penstock_operator.adapters import line
from penstock_operator.adapters.line import FAILURES
from penstock_operator.adapters.threads import IDLE, EndpointThreads
from penstock_operator.ports import Unreachable

CALLERS = 128


async def test_as_many_passes_as_there_are_wait_for_one_endpoint_and_all_are_served_in_their_order() -> None:
    threads, served, many = EndpointThreads(threads=4), list[int](), threading.BoundedSemaphore(4)

    def call(number: int) -> Callable[[], int]:
        def work() -> int:
            assert many.acquire(blocking=False), "more calls than threads"
            time.sleep(0.02)
            served.append(number)
            many.release()
            return number

        return work

    # Each may take far less than all of them together.
    calls = [threads.run("Milvus at h", call(number), 0.3) for number in range(CALLERS)]
    started = time.monotonic()
    assert await asyncio.gather(*calls) == list(range(CALLERS))
    assert time.monotonic() - started > 0.3
    assert all(abs(place - number) < 8 for place, number in enumerate(served))


async def test_an_endpoint_that_hangs_is_told_to_all_who_wait_at_once_and_delays_no_other() -> None:
    threads, release = EndpointThreads(threads=4), threading.Event()
    started = time.monotonic()
    hanging = [asyncio.create_task(threads.run("Milvus at h", release.wait, 0.3)) for _ in range(CALLERS)]
    await asyncio.sleep(0.05)
    before = time.monotonic()
    assert await threads.run("Milvus at w", lambda: 7, 5) == 7
    assert time.monotonic() - before < 0.2
    try:
        for error in await asyncio.gather(*hanging, return_exceptions=True):
            assert isinstance(error, Unreachable)
            assert str(error) == "Milvus at h did not answer in time"
        assert time.monotonic() - started < 2, "they waited one after the other"
        before = time.monotonic()
        with pytest.raises(Unreachable, match="Milvus at h did not answer in time"):
            await threads.run("Milvus at h", lambda: 7, 5)
        assert time.monotonic() - before < 0.1
    finally:
        release.set()


async def test_an_endpoint_that_comes_back_is_found_by_one_call_and_then_serves_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(line, "PROBE_SECONDS", 0.2)
    threads, release, began = EndpointThreads(threads=2), threading.Event(), list[None]()

    def hang() -> bool:
        began.append(None)
        return release.wait()

    for _ in range(2):
        await asyncio.gather(*(threads.run("Milvus at h", hang, 0.05) for _ in range(4)), return_exceptions=True)
    assert len(began) <= 4
    release.set()
    async with asyncio.timeout(5):
        while True:
            try:
                assert await threads.run("Milvus at h", lambda: 7, 5) == 7
                break
            except Unreachable:
                await asyncio.sleep(0.02)
    assert await asyncio.gather(*(threads.run("Milvus at h", lambda: 7, 5) for _ in range(CALLERS))) == [7] * CALLERS


class Away(Exception):
    """The client of an endpoint says that it does not answer."""


async def test_a_client_that_finds_its_endpoint_away_counts_and_one_that_is_refused_does_not() -> None:
    threads = EndpointThreads(threads=2, away=(Away,))

    def away() -> None:
        raise Away("no route to host 10.0.0.7")

    def refused() -> None:
        raise ValueError("no such database")

    for _ in range(3 * FAILURES):
        with pytest.raises(ValueError, match="no such database"):
            await threads.run("x", refused, 5)
    for _ in range(FAILURES):
        with pytest.raises(Away):
            await threads.run("x", away, 5)
    # In the same words, so that the status of who asks does not change.
    with pytest.raises(Unreachable, match=r"^no route to host 10\.0\.0\.7$"):
        await threads.run("x", lambda: 7, 5)


async def test_who_stops_waiting_takes_no_place_along() -> None:
    threads, release = EndpointThreads(threads=1), threading.Event()
    busy = asyncio.create_task(threads.run("x", release.wait, 5))
    waiting = [asyncio.create_task(threads.run("x", lambda: 7, 5)) for _ in range(3)]
    await asyncio.sleep(0.02)
    waiting[0].cancel()
    release.set()
    assert await busy
    # Given its place in this very moment, perhaps.
    waiting[1].cancel()
    assert await waiting[2] == 7
    assert await threads.run("x", lambda: 8, 5) == 8


async def test_endpoints_that_come_and_go_leave_no_threads() -> None:
    threads, release = EndpointThreads(), threading.Event()
    hanging = asyncio.create_task(threads.run("Milvus at h", release.wait, 5))
    try:
        for number in range(5 * IDLE):
            assert await threads.run(f"Feast project {number}", threading.get_ident, 5)
            await asyncio.sleep(0)
        ours = [one for one in threading.enumerate() if one.name.startswith(("Feast project", "Milvus at h"))]
        assert len(ours) <= IDLE + 2
    finally:
        release.set()
    assert await hanging


async def test_what_a_call_raises_comes_out() -> None:
    def fail() -> None:
        raise ValueError("as it is")

    with pytest.raises(ValueError, match="as it is"):
        await EndpointThreads().run("x", fail, 5)
