"""Whether the cache is what the API has: fills it, finds what the watches missed, and mends it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from penstock_operator.kubernetes.api import Api
from penstock_operator.kubernetes.cache import Cache, version
from penstock_operator.kubernetes.listing import GONE, Seen
from penstock_operator.kubernetes.watching import Watch
from penstock_operator.loop.key import Key
from penstock_operator.ports import Missing, Refused, Unreachable

RETRY_SECONDS = 2.0
DEAD_AFTER = 2
"""Audits that found a kind's watch silent."""
CALM_AFTER = 3
"""Audits in a row that found nothing, after which that is forgotten: a watch that only just began looks well."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Timing:
    """Seconds of an audit."""

    every: float = 60.0
    """From one to the next."""
    grace: float = 5.0
    """How far a watch may be behind."""
    quiet: float = 60.0
    """How long nothing may come on a watch, not even a bookmark: the time of two watches."""


class Audit:
    """Compares names and versions of all watched objects with the API, now and then."""

    def __init__(self, api: Api, cache: Cache, watch: Watch, namespaces: Collection[str], timing: Timing) -> None:
        """Audit these namespaces, or all where there are none."""
        self._api, self._cache, self._watch, self._timing = api, cache, watch, timing
        self._namespaces: Collection[str | None] = namespaces or (None,)
        self._silent: Counter[str] = Counter()
        self._calm: Counter[str] = Counter()
        self._unseen: dict[str, dict[Key, Seen]] = {}
        self.filled = False
        self.missed: Counter[str] = Counter()
        """How many changes of each kind the watches did not bring, and this found."""

    @property
    def oldest(self) -> float:
        """Seconds since the oldest change that was found here and that the cache has not yet; 0 where there is none."""
        written = min(
            (seen.written for found in [*self._unseen.values()] for seen in found.values() if seen.written), default=""
        )
        return max((datetime.now(UTC) - datetime.fromisoformat(written)).total_seconds(), 0.0) if written else 0.0

    @property
    def quiet(self) -> list[str]:
        """The kinds on whose watch nothing has come for longer than the API is ever silent."""
        return [kind for kind, seconds in self._watch.streams.silent().items() if seconds > self._timing.quiet]

    @property
    def dead(self) -> list[str]:
        """The kinds whose watch is silent."""
        return [kind for kind, times in self._silent.items() if times >= DEAD_AFTER]

    async def fill(self) -> None:
        """Read everything once, as soon as the API answers."""
        await _insist(self._fill)
        self.filled = True

    async def _fill(self) -> None:
        await asyncio.gather(*(self._read(kind) for kind in self._cache.kinds))

    async def _read(self, kind: str) -> None:
        for namespace in self._namespaces:
            async for page in self._api.pages(kind, namespace):
                for obj in page:
                    self._cache.put(obj)

    async def run(self) -> None:
        """Audit until cancelled."""
        while True:
            await asyncio.sleep(self._timing.every)
            # One kind at a time: to list them all takes every core that the API server has, and nothing hurries.
            silent = [kind for kind in self._cache.kinds if await self._is_silent(kind)]
            if silent:
                self._watch.again()

    async def _is_silent(self, kind: str) -> bool:
        heard = self._watch.heard[kind]
        try:
            missed = await self.check(kind, self._timing.grace)
        except (Unreachable, Refused) as error:
            log.warning("Audit failed", kind=kind, error=str(error))
            return False
        self.missed[kind] += len(missed)
        # The API answers, and has said nothing on the watch for so long; or there were changes, and none came.
        quiet = self._watch.streams.silent().get(kind, 0.0)
        # A watch that has brought other changes meanwhile is late, not dead.
        silent = quiet > self._timing.quiet or (bool(missed) and self._watch.heard[kind] == heard)
        self._calm[kind] = 0 if silent else self._calm[kind] + 1
        if silent:
            self._silent[kind] += 1
            log.error("Watch is silent", kind=kind, missed=len(missed), seconds=round(quiet), times=self._silent[kind])
        elif self._calm[kind] >= CALM_AFTER:
            self._silent[kind] = 0
        return silent

    async def mend(self) -> None:
        """Bring the cache up to what the API has now, as soon as it answers."""
        await _insist(self._mend)

    async def _mend(self) -> None:
        await asyncio.gather(*(self.check(kind, 0) for kind in self._cache.kinds))

    async def check(self, kind: str, grace: float) -> list[Key]:
        """Mend the objects of a kind that the watch has not brought within the grace time; returns which."""
        behind = await self._behind(kind)
        try:
            self._unseen[kind] = behind
            if behind and grace:
                await asyncio.sleep(grace)
                later = await self._behind(kind)
                # One that has changed again since may be on its way.
                behind = {key: seen for key, seen in behind.items() if later.get(key) == seen}
                self._unseen[kind] = behind
            for key in behind:
                await self._cache.reread(key, self._api.get)
        finally:
            self._unseen.pop(kind, None)
        return list(behind)

    async def _behind(self, kind: str) -> dict[Key, Seen]:
        """The objects whose cached version is not the API's, as the API has them."""
        there: dict[Key, Seen] = {}
        try:
            for namespace in self._namespaces:
                async for page in self._api.versions(kind, namespace):
                    there |= page
            self._watch.streams.expect(kind)
        except Missing:
            self._watch.streams.forget(kind)
        found = {}
        for key, newest in there.items():
            known = self._cache.get(*key)
            if known is None or version(known) < newest.version:
                found[key] = newest
        known_keys = [Key.of(obj) for obj in self._cache.list(kind)]
        return found | {key: GONE for key in known_keys if key not in there}


async def _insist(work: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            return await work()
        except Unreachable as error:
            log.warning("Waiting for the API", error=str(error))
            await asyncio.sleep(RETRY_SECONDS)
