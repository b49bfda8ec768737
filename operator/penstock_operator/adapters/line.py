"""Who waits for a place at an endpoint, first come, first served, and whether the endpoint answers at all."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from penstock_operator.ports import Unreachable

FAILURES = 3
"""Calls in a row without an answer, after which the endpoint counts as away: nobody waits for it any more."""
PROBE_SECONDS = 1.0
"""How often one call is let through to an endpoint that is away, to see whether it has come back."""


class Line:
    """The line at one endpoint. Places are taken in an event loop, and may be given back by any thread."""

    def __init__(self, places: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._places = self._free = places
        self._clock = clock
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._given: set[asyncio.Future[None]] = set()
        self._failures, self._overdue, self._cause, self._probe_at = 0, 0, "", 0.0
        self._lock = threading.Lock()

    @property
    def idle(self) -> bool:
        """Whether nobody waits or has a place."""
        return self._free == self._places and not self._waiting

    async def enter(self) -> None:
        """Wait for a place and take it.

        Raises:
            Unreachable: the endpoint is away; in the words of the last call that found it so, which a status then
                repeats without a change.
        """
        with self._lock:
            if self._away:
                self._enter_as_probe()
                return
            if self._free and not self._waiting:
                self._free -= 1
                return
            place = asyncio.get_running_loop().create_future()
            self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if self._withdraw(place):
                # It was given a place in the same moment.
                self.give_back()
            raise
        self._given.discard(place)

    def give_back(self) -> None:
        """Give the place back, to the next who waits."""
        with self._lock:
            if self._waiting:
                self._given.add(place := self._waiting.popleft())
                _resolve(place, None)
            else:
                self._free += 1

    def succeeded(self) -> None:
        """The endpoint answered."""
        with self._lock:
            self._failures = 0

    def failed(self, cause: str) -> None:
        """The endpoint did not answer."""
        with self._lock:
            self._failures += 1
            self._cause, self._probe_at = cause, self._clock() + PROBE_SECONDS
            if self._away:
                while self._waiting:
                    _resolve(self._waiting.popleft(), Unreachable(cause))

    def overdue(self, cause: str) -> None:
        """A call has run out of time, and keeps its place until it is `back`."""
        with self._lock:
            self._overdue += 1
        self.failed(cause)

    def back(self) -> None:
        """A call that was overdue has ended."""
        with self._lock:
            self._overdue -= 1

    @property
    def _away(self) -> bool:
        return self._failures >= FAILURES or self._overdue == self._places

    def _withdraw(self, place: asyncio.Future[None]) -> bool:
        """Wait no more; whether the place had been given already."""
        with self._lock:
            if place in self._waiting:
                self._waiting.remove(place)
            given = place in self._given
            self._given.discard(place)
            return given

    def _enter_as_probe(self) -> None:
        now = self._clock()
        if not self._free or now < self._probe_at:
            raise Unreachable(self._cause)
        self._free, self._probe_at = self._free - 1, now + PROBE_SECONDS


def _resolve(place: asyncio.Future[None], error: Exception | None) -> None:
    def resolve() -> None:
        if place.done():
            return
        if error is None:
            place.set_result(None)
        else:
            place.set_exception(error)

    # Its loop may have ended, and then nobody waits.
    with suppress(RuntimeError):
        place.get_loop().call_soon_threadsafe(resolve)
