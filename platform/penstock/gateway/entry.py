"""One Materialization: what its pointer names, what answers, and what else is loaded."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

from penstock.api.materialization import Materialization
from penstock.api.stagedrun import StagedOutput
from penstock.gateway import metrics
from penstock.gateway.bundle import Bundle, StoreName
from penstock.gateway.errors import NotServed, Unavailable
from penstock.gateway.keptrun import KeptRun, active
from penstock.gateway.once import Once
from penstock.gateway.pins import Pins
from penstock.heartbeat import Behind

WARM = 4
"""Bundles kept for one Materialization: a rollback, or a pinned run, need not be loaded."""


class Loads(Protocol):
    """Loads bundles."""

    async def load(self, namespace: str, run: str, uri: str, outputs: Sequence[StagedOutput]) -> Bundle:
        """The bundle of a run."""

    async def stores_digest(self, namespace: str, stores: frozenset[StoreName]) -> str:
        """Of the addresses and credentials of stores, as they are now."""


class Entry:
    """What answers is swapped by one assignment, and only when the next is whole."""

    def __init__(self, pointer: Materialization, loader: Loads, pins: Pins) -> None:
        self.pointer = pointer
        self.pins = pins
        self.current: Bundle | None = None
        self.uid = ""
        """Of the StagedRun that answers."""
        self.stale = False
        """Whether what answers was loaded with other addresses or credentials than its stores have now."""
        self.problem = ""
        self.failures = 0
        self.behind_since = datetime.now(UTC)
        self.warm: OrderedDict[str, Bundle] = OrderedDict()
        self._loader = loader
        self._loading: Once[str, Bundle] = Once()

    @property
    def active(self) -> KeptRun | None:
        """What the pointer names."""
        return active(self.pointer)

    @property
    def behind(self) -> bool:
        """Whether the pointer names something else than what answers."""
        named = self.active
        return named is not None and (self.current is None or self.uid != named.uid)

    def point(self, pointer: Materialization) -> None:
        """Take note of what the pointer says now."""
        before, self.pointer = self.active, pointer
        now = self.active
        if before is None or now is None or now.uid != before.uid:
            if before is not None:
                self.pins.note(before)
            self.problem, self.failures = "", 0
            self.behind_since = datetime.now(UTC)

    def switch(self, bundle: Bundle, uid: str) -> None:
        """Let this bundle answer."""
        self.current, self.uid = bundle, uid
        self.problem, self.failures, self.stale = "", 0, False

    def as_behind(self) -> Behind | None:
        """What a heartbeat says of it; None while it serves what it should."""
        named, meta = self.active, self.pointer.metadata
        if named is None or not self.behind:
            return None
        return Behind(
            namespace=meta.namespace,
            name=meta.name,
            run=named.run,
            uid=named.uid,
            since=self.behind_since,
            problem=self.problem,
        )

    def kept(self) -> dict[str, KeptRun]:
        """The runs that are known to be kept; the active one goes before another staging of it."""
        named = self.active
        return {**self.pins.runs(), **({named.run: named} if named is not None else {})}

    def loaded(self) -> list[Bundle]:
        """All bundles that are held."""
        return [*([self.current] if self.current is not None else ()), *self.warm.values()]

    async def pinned(self, run: str) -> Bundle:
        """The bundle of a kept run.

        Raises:
            NotServed: it is not kept.
            Unavailable: that cannot be found out, or the run cannot be loaded.
        """
        named = self.active
        kept = named if named is not None and named.run == run else await self.pins.find(run)
        self.evict()
        if kept is None:
            has = ", ".join(self.kept()) or "none"
            raise NotServed(f"Materialization {self.pointer.metadata.name!r} keeps no run {run!r}: it keeps {has}")
        try:
            return await self.load(kept)
        except Exception as error:
            # It may have been dropped since the list was read.
            self.pins.doubt()
            raise Unavailable(f"Run {run} cannot be loaded: {error}", run) from error

    async def load(self, kept: KeptRun) -> Bundle:
        """The bundle of a run, which is loaded once however many ask."""
        if kept.uid in self.warm:
            self.warm.move_to_end(kept.uid)
            return self.warm[kept.uid]
        if self.current is not None and self.uid == kept.uid and not self.stale:
            return self.current
        return await self._loading.run(kept.uid, lambda: self._load(kept))

    def evict(self) -> None:
        """Let go of what is no longer kept, as far as that is known, and of what is too much."""
        kept = {one.uid for one in self.kept().values()}
        for uid in set(self.warm) - kept:
            del self.warm[uid]
        while len(self.warm) > WARM:
            self.warm.popitem(last=False)

    def let_go(self, stale: set[Bundle]) -> None:
        """Load these again: their stores have other addresses or credentials now."""
        for uid in [uid for uid, bundle in self.warm.items() if bundle in stale]:
            del self.warm[uid]
        self.stale = self.stale or self.current in stale

    def cancel(self) -> None:
        """End what runs."""
        self._loading.cancel()
        self.pins.cancel()

    async def _load(self, kept: KeptRun) -> Bundle:
        with metrics.LOAD_SECONDS.time():
            bundle = await self._loader.load(self.pointer.metadata.namespace, kept.run, kept.uri, kept.outputs)
        self.warm[kept.uid] = bundle
        self.evict()
        return bundle
