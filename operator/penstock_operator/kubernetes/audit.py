"""Whether the cache is what the API has: fills it, finds what the watches missed, and mends it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection

import structlog

from penstock_operator.kubernetes.api import Api
from penstock_operator.kubernetes.cache import Cache, version
from penstock_operator.loop.reconciler import Key
from penstock_operator.ports import Object, Refused, Unreachable

EVERY_SECONDS = 60.0
RETRY_SECONDS = 2.0
GRACE_SECONDS = 5.0
"""How far a watch may be behind."""
DEAD_AFTER = 2
"""Audits in a row in which a kind's watch had missed something."""

log = structlog.get_logger(__name__)


class Audit:
    """Compares names and versions of all watched objects with the API, now and then."""

    def __init__(self, api: Api, cache: Cache, namespaces: Collection[str]) -> None:
        self._api = api
        self._cache = cache
        self._namespaces: Collection[str | None] = namespaces or (None,)
        self._missed: Counter[str] = Counter()
        self.filled = False

    @property
    def dead(self) -> list[str]:
        """The kinds whose watch misses what happens."""
        return [kind for kind, times in self._missed.items() if times >= DEAD_AFTER]

    async def fill(self) -> None:
        """Read everything once, as soon as the API answers."""
        await _insist(self._fill)
        self.filled = True

    async def _fill(self) -> None:
        for kind in self._cache.kinds:
            for namespace in self._namespaces:
                async for page in self._api.pages(kind, namespace):
                    for obj in page:
                        self._cache.put(obj)

    async def run(self) -> None:
        """Audit until cancelled."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            for kind in self._cache.kinds:
                try:
                    missed = await self.check(kind, GRACE_SECONDS)
                except (Unreachable, Refused) as error:
                    log.warning("Audit failed", kind=kind, error=str(error))
                    continue
                self._missed[kind] = self._missed[kind] + 1 if missed else 0
                if missed:
                    log.error("Watch missed changes", kind=kind, objects=len(missed), times=self._missed[kind])

    async def mend(self) -> None:
        """Bring the cache up to what the API has now, as soon as it answers."""
        await _insist(self._mend)

    async def _mend(self) -> None:
        for kind in self._cache.kinds:
            await self.check(kind, 0)

    async def check(self, kind: str, grace: float) -> list[Key]:
        """Mend the objects of a kind that the watch has not brought within the grace time; returns which."""
        behind = await self._behind(kind)
        if behind and grace:
            await asyncio.sleep(grace)
            later = await self._behind(kind)
            # One that has changed again since may be on its way.
            behind = {key: seen for key, seen in behind.items() if later.get(key) == seen}
        for key in behind:
            obj = await self._api.get(*key)
            if obj is not None:
                self._cache.put(obj)
            elif (known := self._cache.get(*key)) is not None:
                self._cache.remove(known)
        return list(behind)

    async def _behind(self, kind: str) -> dict[Key, int]:
        """The objects whose cached version is not the API's, with the latter; 0 of one that is gone."""
        there: dict[Key, Object] = {}
        for namespace in self._namespaces:
            async for page in self._api.pages(kind, namespace, metadata_only=True):
                there.update((Key.of(obj), obj) for obj in page)
        found = {}
        for key, obj in there.items():
            known = self._cache.get(*key)
            if known is None or version(known) < version(obj):
                found[key] = version(obj)
        known_keys = [Key.of(obj) for obj in self._cache.list(kind)]
        return found | {key: 0 for key in known_keys if key not in there}


async def _insist(work: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            return await work()
        except Unreachable as error:
            log.warning("Waiting for the API", error=str(error))
            await asyncio.sleep(RETRY_SECONDS)
