"""A queue of keys: one pass a key at a time, no key lost, looked at again when its time has come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from penstock_operator.loop.reconciler import Key


class KeyQueue:
    """Runs `work(key)` for every key that was added.

    A key that is added while its pass runs is run again after it. Passes of different keys run side by side without a
    limit, so that one that waits for a dead endpoint delays no other.
    """

    def __init__(self, work: Callable[[Key], Awaitable[float | None]]) -> None:
        self._work = work
        self._running: dict[Key, asyncio.Task[None]] = {}
        self._again: set[Key] = set()
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._closed = False

    def add(self, key: Key) -> None:
        """Run a pass for the key as soon as none is running."""
        if self._closed:
            return
        if (timer := self._timers.pop(key, None)) is not None:
            timer.cancel()
        if key in self._running:
            self._again.add(key)
        else:
            self._running[key] = asyncio.create_task(self._run(key), name=f"reconcile {'/'.join(key)}")

    def add_after(self, key: Key, seconds: float) -> None:
        """Run a pass for the key after a while, unless one is added earlier."""
        if self._closed:
            return
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
        for timer in self._timers.values():
            timer.cancel()
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _fire(self, key: Key) -> None:
        self._timers.pop(key, None)
        self.add(key)

    async def _run(self, key: Key) -> None:
        try:
            requeue = await self._work(key)
        finally:
            del self._running[key]
        if key in self._again:
            self._again.discard(key)
            self.add(key)
        elif requeue is not None:
            self.add_after(key, requeue)
