"""The queue loses no key, and runs one pass a key at a time."""

from __future__ import annotations

import asyncio

from penstock_operator.loop.queue import KeyQueue
from penstock_operator.loop.reconciler import Key

A, B = Key("Kind", "default", "a"), Key("Kind", "default", "b")


async def test_a_key_added_during_its_pass_is_run_again_after_it() -> None:
    seen: list[Key] = []
    running = 0
    gate = asyncio.Event()

    async def work(key: Key) -> None:
        nonlocal running
        running += 1
        assert running == 1
        seen.append(key)
        await gate.wait()
        running -= 1

    queue = KeyQueue(work)
    queue.add(A)
    await asyncio.sleep(0)
    queue.add(A)
    queue.add(A)
    gate.set()
    await asyncio.sleep(0.01)
    assert seen == [A, A]
    await queue.close()


async def test_a_pass_that_hangs_delays_no_other_key() -> None:
    done = asyncio.Event()

    async def work(key: Key) -> None:
        if key == A:
            await asyncio.Event().wait()
        done.set()

    queue = KeyQueue(work)
    queue.add(A)
    queue.add(B)
    await asyncio.wait_for(done.wait(), 1)
    await queue.close()


async def test_the_earliest_time_wins() -> None:
    times: list[float] = []
    loop = asyncio.get_running_loop()
    start = loop.time()

    async def work(key: Key) -> None:
        times.append(loop.time() - start)

    queue = KeyQueue(work)
    queue.add_after(A, 5)
    queue.add_after(A, 0.01)
    queue.add_after(A, 5)
    await asyncio.sleep(0.05)
    assert len(times) == 1
    await queue.close()
