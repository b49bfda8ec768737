"""Looks now and then whether what is loaded is still as its stores are, and as the API keeps it."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable

import structlog

from penstock.gateway.bundle import Bundle, StoreName
from penstock.gateway.catalog import Catalog
from penstock.gateway.entry import Entry, Loads

EVERY_SECONDS = 60.0
DOUBT_SECONDS = 5.0
"""So often at most is looked because queries of one Materialization fail."""

log = structlog.get_logger()


class Revision:
    """Takes up new addresses and credentials of stores, and lets go of runs that are no longer kept."""

    def __init__(self, catalog: Catalog, loader: Loads, clock: Callable[[], float] = time.monotonic) -> None:
        self._catalog, self._loader, self._clock = catalog, loader, clock
        self._doubted_at: dict[tuple[str, str], float] = {}
        self._looking: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            try:
                await self.look(self._catalog.entries())
            except Exception:
                log.exception("Revision ended unexpectedly")

    def doubt(self, namespace: str, name: str) -> None:
        """A store has failed a query: look soon whether it is to be spoken to in another way."""
        key, now = (namespace, name), self._clock()
        if now - self._doubted_at.get(key, float("-inf")) < DOUBT_SECONDS or key not in self._catalog.names():
            return
        known = set(self._catalog.names())
        self._doubted_at = {one: at for one, at in self._doubted_at.items() if one in known} | {key: now}
        entry = self._catalog.entry(namespace, name)
        entry.pins.doubt()
        task = asyncio.create_task(self.look([entry]))
        self._looking.add(task)
        task.add_done_callback(self._looking.discard)

    async def look(self, entries: Iterable[Entry]) -> None:
        """Look at these; each set of stores is read once."""
        held: dict[tuple[str, frozenset[StoreName]], list[tuple[Entry, Bundle]]] = defaultdict(list)
        for entry in entries:
            for bundle in set(entry.loaded()):
                held[entry.pointer.metadata.namespace, bundle.stores].append((entry, bundle))
            await self._forget(entry)
        for (namespace, stores), of in held.items():
            await self._compare(namespace, stores, of)

    async def _compare(self, namespace: str, stores: frozenset[StoreName], held: list[tuple[Entry, Bundle]]) -> None:
        try:
            digest = await self._loader.stores_digest(namespace, stores)
        except Exception as error:  # noqa: BLE001 - what is loaded answers on, whatever is wrong with its stores
            log.warning("Stores not read again", namespace=namespace, error=str(error))
            return
        stale: dict[Entry, set[Bundle]] = defaultdict(set)
        for entry, bundle in held:
            if bundle.stores_digest != digest:
                stale[entry].add(bundle)
        for entry, bundles in stale.items():
            meta = entry.pointer.metadata
            log.info("Stores have changed", namespace=meta.namespace, name=meta.name)
            self._catalog.reload(entry, bundles)

    async def _forget(self, entry: Entry) -> None:
        """Let go of runs that are no longer kept; only of those that the pointer does not name the API is asked."""
        status = entry.pointer.status
        named = {one.staged_run_ref.uid for one in (status.active, status.previous) if one is not None}
        if set(entry.warm) - named and await entry.pins.refresh():
            entry.evict()
