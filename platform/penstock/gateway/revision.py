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
"""So often at most is one set of stores read because queries fail."""

log = structlog.get_logger()
Stores = tuple[str, frozenset[StoreName]]
"""Stores of a namespace."""


class Revision:
    """Takes up new addresses and credentials of stores, and lets go of runs that are no longer kept."""

    def __init__(self, catalog: Catalog, loader: Loads, clock: Callable[[], float] = time.monotonic) -> None:
        self._catalog, self._loader, self._clock = catalog, loader, clock
        self._doubted_at: dict[Stores, float] = {}
        self._looking: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            try:
                await self.look(self._catalog.entries())
                for entry in self._catalog.entries():
                    await self.tidy(entry)
            except Exception:
                log.exception("Revision ended unexpectedly")

    def doubt(self, namespace: str, name: str, bundle: Bundle) -> None:
        """A store has failed a query: look soon whether it is to be spoken to in another way, for all that use it."""
        stores, now = (namespace, bundle.stores), self._clock()
        self._doubted_at = {one: at for one, at in self._doubted_at.items() if now - at < DOUBT_SECONDS}
        if (namespace, name) in self._catalog.names():
            self._catalog.entry(namespace, name).pins.doubt()
        if stores in self._doubted_at:
            return
        self._doubted_at[stores] = now
        of_namespace = [entry for entry in self._catalog.entries() if entry.pointer.metadata.namespace == namespace]
        using = [entry for entry in of_namespace if any(one.stores == bundle.stores for one in entry.loaded())]
        task = asyncio.create_task(self.look(using))
        self._looking.add(task)
        task.add_done_callback(self._looking.discard)

    async def look(self, entries: Iterable[Entry]) -> None:
        """Load again what is loaded by other addresses or credentials than its stores have; each set is read once."""
        held: dict[Stores, list[tuple[Entry, Bundle]]] = defaultdict(list)
        for entry in entries:
            for bundle in set(entry.loaded()):
                held[entry.pointer.metadata.namespace, bundle.stores].append((entry, bundle))
        for (namespace, stores), of in held.items():
            await self._compare(namespace, stores, of)

    async def tidy(self, entry: Entry) -> None:
        """Let go of runs that are no longer kept; the API is asked of those alone that the pointer does not name."""
        status = entry.pointer.status
        named = {one.staged_run_ref.uid for one in (status.active, status.previous) if one is not None}
        if set(entry.warm) - named and await entry.pins.refresh():
            entry.evict()

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
