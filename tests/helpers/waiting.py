"""Waiting for what comes about by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(look: Callable[[], T], seconds: float = 30, state: Callable[[], object] = lambda: "") -> T:
    """What a look gives that finds something; `state` says what was there when it found nothing in time."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"it did not come about in time: {state()}"
        time.sleep(0.05)
    return found


async def until(look: Callable[[], Awaitable[T]], seconds: float = 20, state: Callable[[], object] = lambda: "") -> T:
    """The same, of looks that are awaited, and may hang."""
    try:
        async with asyncio.timeout(seconds):
            while not (found := await look()):
                await asyncio.sleep(0.05)
            return found
    except TimeoutError:
        raise AssertionError(f"it did not come about in time: {state()}") from None
