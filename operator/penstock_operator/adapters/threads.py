"""Threads for blocking calls: a few for each endpoint, so that one that hangs never delays another."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from penstock_operator.ports import Unreachable

T = TypeVar("T")

IDLE = 64
"""Endpoints whose threads are kept though no call waits for them: more may come and go than a process has room for."""


class EndpointThreads:
    """Runs calls in the threads of their endpoint.

    A call that ran out of time goes on in its thread, for a thread cannot be ended; only its endpoint waits for it.
    """

    def __init__(self, threads: int = 4, waiting: int = 32) -> None:
        self._threads, self._most = threads, threads + waiting
        self._pools: dict[str, ThreadPoolExecutor] = {}
        self._calls: Counter[str] = Counter()
        self._lock = threading.Lock()

    async def run(self, endpoint: str, call: Callable[[], T], seconds: float) -> T:
        """The result of the call.

        Args:
            endpoint: what is called, for people.
            call: blocks.
            seconds: how long it may take.

        Raises:
            Unreachable: it took longer, or too many calls wait for this endpoint already.
        """
        with self._lock:
            if self._calls[endpoint] >= self._most:
                raise Unreachable(f"{endpoint} did not answer {self._calls[endpoint]} calls that wait for it")
            self._calls[endpoint] += 1
            if endpoint not in self._pools:
                self._end_idle()
                self._pools[endpoint] = ThreadPoolExecutor(self._threads, thread_name_prefix=endpoint)
            future = self._pools[endpoint].submit(call)

        def ended(_: Future[T]) -> None:
            with self._lock:
                self._calls[endpoint] -= 1

        future.add_done_callback(ended)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), seconds)
        except TimeoutError:
            raise Unreachable(f"{endpoint} did not answer in time") from None

    def _end_idle(self) -> None:
        if len(self._pools) < IDLE:
            return
        for endpoint in [one for one in self._pools if not self._calls[one]]:
            self._pools.pop(endpoint).shutdown(wait=False)
            del self._calls[endpoint]
