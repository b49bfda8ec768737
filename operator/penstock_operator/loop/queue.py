"""A queue of keys: one pass a key at a time, no key lost, looked at again when its time has come."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from penstock_operator.loop.key import Key

PLACES = 128
"""Passes that run side by side, so that thousands at once leave the event loop time for the lease and the watches."""
PATIENCE_SECONDS = 0.5
"""How long a pass may keep its place: one that takes longer waits for some endpoint, and must not delay others."""
PLACELESS = 256
"""Passes that may run without a place: of keys whose last pass had to give it back, who would wait again."""
SPREAD_FROM_SECONDS = 5.0


class Result(NamedTuple):
    """How a pass ended."""

    requeue_after: float | None = None
    """Seconds until the next look, whatever happens."""
    failed: bool = False


class KeyQueue:
    """Runs `work(key)` for every key that was added.

    A key that is added while its pass runs is run again after it.
    """

    def __init__(self, work: Callable[[Key], Awaitable[Result]]) -> None:
        self._work = work
        self._waiting: deque[Key] = deque()
        self._queued: set[Key] = set()
        self._running: dict[Key, asyncio.Task[None]] = {}
        self._placed: set[Key] = set()
        self._slow: set[Key] = set()
        self._again: set[Key] = set()
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._changed: dict[Key, float] = {}
        self._closed = False

    @property
    def depth(self) -> int:
        """How many keys wait for a pass."""
        return len(self._queued) + len(self._again)

    @property
    def oldest(self) -> float:
        """Seconds since the oldest change that no pass has dealt with yet; 0 where there is none."""
        # Changes are noted in order, so that the first is the oldest.
        first = next(iter(self._changed.values()), None)
        return 0.0 if first is None else asyncio.get_running_loop().time() - first

    def add(self, key: Key) -> None:
        """Run a pass for the key, which has changed, as soon as none is running."""
        if self._closed:
            return
        self._changed.setdefault(key, asyncio.get_running_loop().time())
        self._enqueue(key)

    def add_after(self, key: Key, seconds: float) -> None:
        """Run a pass for the key after a while, unless one is added earlier.

        A long while is shortened by up to a fifth, so that keys that came together do not come together for ever.
        """
        if self._closed:
            return
        if seconds >= SPREAD_FROM_SECONDS:
            seconds *= random.uniform(0.8, 1.0)  # noqa: S311 - spreads load, guards nothing
        loop = asyncio.get_running_loop()
        at = loop.time() + seconds
        timer = self._timers.get(key)
        if timer is not None:
            if timer.when() <= at:
                return
            timer.cancel()
        self._timers[key] = loop.call_at(at, self._fire, key)

    async def close(self) -> None:
        """Start no pass any more, and end the running ones."""
        self._closed = True
        self._waiting.clear()
        self._queued.clear()
        for timer in self._timers.values():
            timer.cancel()
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _fire(self, key: Key) -> None:
        self._timers.pop(key, None)
        self._enqueue(key)

    def _enqueue(self, key: Key) -> None:
        if self._closed:
            return
        if (timer := self._timers.pop(key, None)) is not None:
            timer.cancel()
        if key in self._running:
            self._again.add(key)
        elif key in self._slow and key not in self._queued and len(self._running) - len(self._placed) < PLACELESS:
            self._launch(key)
        elif key not in self._queued:
            self._queued.add(key)
            self._waiting.append(key)
            self._start()

    def _start(self) -> None:
        while self._waiting and len(self._placed) < PLACES:
            key = self._waiting.popleft()
            self._queued.discard(key)
            self._placed.add(key)
            self._launch(key)

    def _launch(self, key: Key) -> None:
        self._running[key] = asyncio.create_task(self._run(key), name=f"reconcile {'/'.join(key)}")

    def _outlast(self, key: Key) -> None:
        self._slow.add(key)
        self._give_place(key)

    def _give_place(self, key: Key) -> None:
        self._placed.discard(key)
        self._start()

    async def _run(self, key: Key) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        patience = loop.call_later(PATIENCE_SECONDS, self._outlast, key)
        result = Result(failed=True)
        try:
            result = await self._work(key)
        finally:
            del self._running[key]
            patience.cancel()
            if loop.time() - started < PATIENCE_SECONDS:
                self._slow.discard(key)
            self._give_place(key)
        self._after_pass(key, result)

    def _after_pass(self, key: Key, result: Result) -> None:
        again = key in self._again
        self._again.discard(key)
        if not result.failed:
            self._changed.pop(key, None)
        if again:
            self.add(key)
        elif result.requeue_after is not None:
            self.add_after(key, result.requeue_after)
