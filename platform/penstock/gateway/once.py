"""One call for all who ask for the same thing meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Once(Generic[K, V]):
    """Runs a call for a key; who asks for the key while it runs gets its result too.

    It runs to its end though all who asked have gone: what it finds is of use to the next.
    """

    def __init__(self) -> None:
        self._running: dict[K, asyncio.Task[V]] = {}

    async def run(self, key: K, call: Callable[[], Coroutine[Any, Any, V]]) -> V:
        """The result of the call that runs for this key, or of this one.

        Raises:
            Exception: what the call raises, to all who wait for it.
        """
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.create_task(call())
            task.add_done_callback(lambda ended: self._end(key, ended))
        return await asyncio.shield(task)

    def cancel(self) -> None:
        """End what runs."""
        for task in tuple(self._running.values()):
            task.cancel()

    def _end(self, key: K, ended: asyncio.Task[V]) -> None:
        if self._running.get(key) is ended:
            del self._running[key]
        if not ended.cancelled():
            # Looked at, or asyncio complains of an error that nobody waited for.
            ended.exception()
