"""Lets what answers follow a pointer, and what the stores of it are now."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import structlog

from penstock.gateway import metrics
from penstock.gateway.entry import Entry

FIRST_WAIT, LONGEST_WAIT = 0.5, 15.0

log = structlog.get_logger()
T = TypeVar("T")


class Keeper:
    """Loads what an entry's pointer names; what was served stays until the next is whole."""

    def __init__(self, entry: Entry, changed: Callable[[], None]) -> None:
        self._entry, self._changed = entry, changed
        self._moved = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    def move(self) -> None:
        """Look at the pointer again."""
        self._moved.set()

    def cancel(self) -> asyncio.Task[None]:
        """End; the task is to be waited for."""
        self._task.cancel()
        self._entry.cancel()
        return self._task

    async def _run(self) -> None:
        wait = FIRST_WAIT
        while True:
            self._moved.clear()
            if not (self._entry.behind or self._entry.stale):
                wait = FIRST_WAIT
                await self._moved.wait()
                continue
            if await self._load():
                continue
            await _pause(self._moved, wait)
            wait = min(wait * 2, LONGEST_WAIT)

    async def _load(self) -> bool:
        """Load what the pointer names, and let it answer; False when it cannot be loaded."""
        entry, named = self._entry, self._entry.active
        if named is None:
            entry.stale = False
            return True
        meta = entry.pointer.metadata
        about = log.bind(namespace=meta.namespace, name=meta.name, run=named.run)
        try:
            bundle = await _unless(self._moved, entry.load(named))
        except Exception as error:  # noqa: BLE001 - a bundle that cannot be loaded must not end the gateway
            entry.problem = f"run {named.run} cannot be loaded: {error}"
            entry.failures += 1
            metrics.LOAD_FAILURES.inc()
            about.warning("Bundle not loaded", error=str(error))
            self._changed()
            return False
        if bundle is not None and entry.active is not None and entry.active.uid == named.uid:
            entry.switch(bundle, named.uid)
            metrics.SWITCHES.inc()
            about.info("Run is live")
            self._changed()
        # Else the pointer has moved on meanwhile.
        return True


async def _pause(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


async def _unless(event: asyncio.Event, call: Coroutine[Any, Any, T]) -> T | None:
    """The result of the call; None when the event came first."""
    calling, waiting = asyncio.ensure_future(call), asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait((calling, waiting), return_when=asyncio.FIRST_COMPLETED)
        return calling.result() if calling.done() else None
    finally:
        calling.cancel()
        waiting.cancel()
