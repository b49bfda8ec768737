"""The queue loses no key, runs one pass a key at a time, and never too many at once."""

from __future__ import annotations

import asyncio

import pytest

from penstock_operator.loop import queue as queue_module
from penstock_operator.loop.key import Key
from penstock_operator.loop.queue import KeyQueue, Result

A, B = Key("Kind", "default", "a"), Key("Kind", "default", "b")


async def test_a_key_added_during_its_pass_is_run_again_after_it() -> None:
    seen: list[Key] = []
    running = 0
    gate = asyncio.Event()

    async def work(key: Key) -> Result:
        nonlocal running
        running += 1
        assert running == 1
        seen.append(key)
        await gate.wait()
        running -= 1
        return Result()

    queue = KeyQueue(work)
    queue.add(A)
    await asyncio.sleep(0)
    queue.add(A)
    queue.add(A)
    gate.set()
    await asyncio.sleep(0.01)
    assert seen == [A, A]
    await queue.close()


async def test_passes_that_hang_delay_no_other_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_module, "PATIENCE_SECONDS", 0.02)
    done = asyncio.Event()

    async def work(key: Key) -> Result:
        if key != B:
            await asyncio.Event().wait()
        done.set()
        return Result()

    queue = KeyQueue(work)
    for number in range(3 * queue_module.PLACES):
        queue.add(Key("Kind", "default", f"hangs-{number}"))
    queue.add(B)
    await asyncio.wait_for(done.wait(), 1)
    await queue.close()


async def test_keys_that_hung_before_take_no_place_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_module, "PATIENCE_SECONDS", 0.05)
    hanging = [Key("Kind", "default", f"hangs-{number}") for number in range(queue_module.PLACES + 10)]
    done: list[Key] = []

    async def work(key: Key) -> Result:
        if key in hanging:
            await asyncio.sleep(0.2)
        done.append(key)
        return Result()

    queue = KeyQueue(work)
    for key in hanging:
        queue.add(key)
    while len(done) < len(hanging):
        await asyncio.sleep(0.01)
    for key in hanging:
        queue.add(key)
    queue.add(B)
    assert queue.depth == 0
    await asyncio.sleep(0.02)
    assert done[-1] == B
    await queue.close()


async def test_thousands_of_keys_run_a_few_at_a_time() -> None:
    running = most = ran = 0

    async def work(key: Key) -> Result:
        nonlocal running, most, ran
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1
        ran += 1
        return Result()

    queue = KeyQueue(work)
    for number in range(1000):
        queue.add(Key("Kind", "default", str(number)))
    assert queue.depth == 1000 - queue_module.PLACES
    while ran < 1000:
        await asyncio.sleep(0.01)
    assert most == queue_module.PLACES
    assert queue.depth == 0
    await queue.close()


async def test_the_earliest_time_wins() -> None:
    times: list[float] = []
    loop = asyncio.get_running_loop()
    start = loop.time()

    async def work(key: Key) -> Result:
        times.append(loop.time() - start)
        return Result()

    queue = KeyQueue(work)
    queue.add_after(A, 5)
    queue.add_after(A, 0.01)
    queue.add_after(A, 5)
    await asyncio.sleep(0.05)
    assert len(times) == 1
    await queue.close()


async def test_a_long_while_is_shortened_by_chance_and_never_lengthened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_module, "SPREAD_FROM_SECONDS", 0.2)
    times: list[float] = []
    loop = asyncio.get_running_loop()
    start = loop.time()

    async def work(key: Key) -> Result:
        times.append(loop.time() - start)
        return Result()

    queue = KeyQueue(work)
    for number in range(200):
        queue.add_after(Key("Kind", "default", str(number)), 0.5)
    await asyncio.sleep(0.6)
    assert len(times) == 200
    assert min(times) < 0.43
    assert max(times) < 0.56
    assert max(times) - min(times) > 0.05
    await queue.close()


async def test_the_oldest_change_is_that_of_the_pass_that_fails() -> None:
    results = {A: Result(10, failed=True), B: Result(10)}

    async def work(key: Key) -> Result:
        return results[key]

    queue = KeyQueue(work)
    assert queue.oldest == 0
    queue.add(A)
    await asyncio.sleep(0.05)
    queue.add(B)
    await asyncio.sleep(0.01)
    assert 0.05 < queue.oldest < 1
    results[A] = Result()
    queue.add(A)
    await asyncio.sleep(0.01)
    assert queue.oldest == 0
    await queue.close()
