"""Threads for one store's blocking calls, so that a store that is away never delays another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from penstock.gateway.errors import Unavailable

P = ParamSpec("P")
T = TypeVar("T")


class BoundedThreads:
    """A few threads, and a limit on how many calls may wait for them."""

    def __init__(self, name: str, threads: int, waiting: int) -> None:
        self._name = name
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._most = threads + waiting
        self._calls = 0

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of the call.

        Raises:
            Unavailable: too many calls wait already.
        """
        if self._calls >= self._most:
            raise Unavailable(f"Too many queries wait for {self._name}: ask again later, or run more gateways")
        self._calls += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, lambda: call(*args, **kwargs))
        finally:
            self._calls -= 1

    def close(self) -> None:
        """Let the threads end; what runs is not waited for."""
        self._executor.shutdown(wait=False, cancel_futures=True)
