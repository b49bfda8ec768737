"""Threads for blocking calls: a few for each endpoint, so that one that hangs never delays another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from penstock_operator.adapters.line import Line
from penstock_operator.ports import Unreachable

T = TypeVar("T")

IDLE = 64
"""Endpoints whose threads are kept though no call waits for them: more may come and go than a process has room for."""


class EndpointThreads:
    """Runs calls in the threads of their endpoint, first come, first served.

    Waiting for a thread is no failure: the time of a call begins when it does. A call that ran out of time goes on in
    its thread, for a thread cannot be ended; only its endpoint waits for it, and once it answers none of them any more
    whoever waits is told so.
    """

    def __init__(self, threads: int = 4, away: tuple[type[Exception], ...] = ()) -> None:
        """Make none yet.

        Args:
            threads: for each endpoint.
            away: what calls raise where the endpoint does not answer.
        """
        self._threads, self._away = threads, away
        self._pools: dict[str, ThreadPoolExecutor] = {}
        self._lines: dict[str, Line] = {}

    async def run(self, endpoint: str, call: Callable[[], T], seconds: float) -> T:
        """The result of the call.

        Args:
            endpoint: what is called, for people.
            call: blocks.
            seconds: how long it may take, from when it begins.

        Raises:
            Unreachable: it took longer, or the endpoint has not answered the last calls.
        """
        line, pool = self._of(endpoint)
        await line.enter()
        try:
            future = pool.submit(call)
        except BaseException:
            line.give_back()
            raise
        future.add_done_callback(lambda _: line.give_back())
        return await self._answer(endpoint, line, future, seconds)

    async def _answer(self, endpoint: str, line: Line, future: Future[T], seconds: float) -> T:
        try:
            async with asyncio.timeout(seconds):
                result = await asyncio.wrap_future(future)
        except TimeoutError:
            line.overdue(text := f"{endpoint} did not answer in time")
            future.add_done_callback(lambda _: line.back())
            raise Unreachable(text) from None
        except self._away as error:
            line.failed(str(error))
            raise
        except Exception:
            # It answers: that it says no is not for us to judge.
            line.succeeded()
            raise
        line.succeeded()
        return result

    def _of(self, endpoint: str) -> tuple[Line, ThreadPoolExecutor]:
        if endpoint not in self._pools:
            self._end_idle()
            self._pools[endpoint] = ThreadPoolExecutor(self._threads, thread_name_prefix=endpoint)
            self._lines[endpoint] = Line(self._threads)
        return self._lines[endpoint], self._pools[endpoint]

    def _end_idle(self) -> None:
        if len(self._pools) < IDLE:
            return
        for endpoint in [one for one, line in self._lines.items() if line.idle]:
            self._pools.pop(endpoint).shutdown(wait=False)
            del self._lines[endpoint]
