"""What is served: for each Materialization the bundle that its pointer names."""

from __future__ import annotations

import asyncio
from datetime import datetime

from penstock.api.materialization import Materialization
from penstock.gateway import metrics
from penstock.gateway.bundle import Bundle
from penstock.gateway.entry import Entry, Loads
from penstock.gateway.errors import NotServed, Unavailable
from penstock.gateway.keeper import Keeper
from penstock.gateway.pins import Pins, StagedRuns
from penstock.heartbeat import Behind

TRIES = 3
"""Loads of a first run that failed, after which the start waits no longer for it: others are served meanwhile."""

Key = tuple[str, str]


class Catalog:
    """Follows pointers, and hands out bundles."""

    def __init__(self, loader: Loads, runs: StagedRuns) -> None:
        self._loader, self._runs = loader, runs
        self._entries: dict[Key, Entry] = {}
        self._keepers: dict[Key, Keeper] = {}
        self._ready = False
        self.synced = self.connected = False
        """Whether the pointers were known once, and whether they are followed now."""
        self.problem = ""
        """Why the API cannot be watched; empty while it is, or where it just does not answer."""
        self.unheard = ""
        """Why the operator cannot be told what is served here; empty while it can."""
        self.seen: datetime | None = None
        """The newest switch of a pointer that is known."""
        self.changed = asyncio.Event()
        """Set when there is something to tell."""

    def follow(self, pointer: Materialization) -> None:
        """Take note of what a Materialization says now."""
        key = (pointer.metadata.namespace, pointer.metadata.name)
        entry = self._entries.get(key)
        if entry is not None and entry.pointer.metadata.uid != pointer.metadata.uid:
            self.forget(*key)
            entry = None
        if entry is None:
            entry = self._entries[key] = Entry(pointer, self._loader, Pins(self._runs, pointer.metadata))
            self._keepers[key] = Keeper(entry, self._note_change)
        entry.point(pointer)
        entry.evict()
        self._keepers[key].move()
        if (active := pointer.status.active) is not None:
            self.seen = max(active.switched_at, self.seen or active.switched_at)
        self._note_change()

    def forget(self, namespace: str, name: str) -> None:
        """Serve nothing under this name any more."""
        if self._entries.pop((namespace, name), None) is not None:
            self._keepers.pop((namespace, name)).cancel()
            self._note_change()

    def names(self) -> list[Key]:
        """The Materializations that are known."""
        return sorted(self._entries)

    def entries(self) -> list[Entry]:
        """All that is known."""
        return [self._entries[key] for key in self.names()]

    def entry(self, namespace: str, name: str) -> Entry:
        """What is known of a Materialization.

        Raises:
            NotServed: nothing.
            Unavailable: nothing yet, for the API has not said what there is.
        """
        entry = self._entries.get((namespace, name))
        if entry is None and not self.synced:
            why = self.problem or "the Kubernetes API has not answered yet"
            raise Unavailable(f"It is not known yet whether there is a materialization {namespace}/{name}: {why}")
        if entry is None:
            raise NotServed(f"No materialization {namespace}/{name} is known here: GET /v1 lists what is")
        return entry

    async def bundle(self, namespace: str, name: str, run: str | None = None) -> Bundle:
        """The bundle that answers: the one that the pointer names, or the one of a pinned run.

        Raises:
            NotServed: there is no such materialization, or it does not keep that run.
            Unavailable: nothing is live yet, or the run cannot be loaded.
        """
        entry = self.entry(namespace, name)
        if run is not None:
            return await entry.pinned(run)
        if entry.current is None:
            why = entry.problem or f"look at `penstock describe materialization {name} -n {namespace}`"
            raise Unavailable(f"Nothing is live under materialization {namespace}/{name} yet: {why}")
        return entry.current

    def reload(self, entry: Entry, stale: set[Bundle]) -> None:
        """Load bundles again whose stores have other addresses or credentials now."""
        entry.let_go(stale)
        for keeper in [self._keepers[key] for key, one in self._entries.items() if one is entry]:
            keeper.move()

    def behind(self) -> list[Behind]:
        """The Materializations whose active run is not served here."""
        return [behind for entry in self.entries() if (behind := entry.as_behind()) is not None]

    def unready(self) -> str | None:
        """Why queries should not come here yet; None once what was live at the start is loaded or has failed often.

        Once it is ready it stays so: a Materialization that is new, or broken, keeps none of the others from callers.
        """
        if self._ready:
            return None
        if not self.synced:
            return self.problem or "The Kubernetes API has not answered yet"
        waiting = [
            f"{namespace}/{name}: {entry.problem or 'loading'}"
            for (namespace, name), entry in self._entries.items()
            if entry.behind and entry.current is None and entry.failures < TRIES
        ]
        if waiting:
            return f"Not loaded yet: {'; '.join(waiting)}"
        self._ready = True
        return None

    def problems(self) -> list[str]:
        """What is not served as it should be, and why."""
        broken = [
            f"{namespace}/{name}: {self._entries[namespace, name].problem}"
            for namespace, name in self.names()
            if self._entries[namespace, name].problem
        ]
        return [*(text for text in (self.problem, self.unheard) if text), *broken]

    async def close(self) -> None:
        """Stop following."""
        ended = [keeper.cancel() for keeper in self._keepers.values()]
        await asyncio.gather(*ended, return_exceptions=True)

    def _note_change(self) -> None:
        metrics.BEHIND.set(sum(entry.behind for entry in self._entries.values()))
        self.changed.set()
