"""What is served: for each Materialization the bundle that its pointer names, swapped by one assignment."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from penstock.api.materialization import Materialization, RunState, StagedOutput
from penstock.gateway import metrics
from penstock.gateway.bundle import Bundle
from penstock.gateway.errors import NotServed, Unavailable

WARM = 4
"""Bundles kept for one Materialization: a rollback, or a pinned run, need not be loaded."""
FIRST_WAIT, LONGEST_WAIT = 0.5, 15.0

log = structlog.get_logger()
Key = tuple[str, str]
Version = tuple[str, ...]
"""What a bundle is loaded from: a run, and the physical names of its outputs. A run may be staged again."""


class Loads(Protocol):
    """Loads bundles."""

    async def load(self, namespace: str, run: str, uri: str, outputs: Sequence[StagedOutput]) -> Bundle:
        """The bundle of a run."""


@dataclass(frozen=True)
class Kept:
    """A run that may be asked for."""

    run: str
    uri: str
    outputs: Sequence[StagedOutput]

    @property
    def version(self) -> Version:
        """What tells its bundle from every other."""
        return (self.run, *(output.physical for output in self.outputs))


@dataclass
class Entry:
    """One Materialization."""

    pointer: Materialization
    current: Bundle | None = None
    version: Version = ()
    """Of the bundle that answers."""
    warm: OrderedDict[Version, Bundle] = field(default_factory=OrderedDict)
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    loading: asyncio.Lock = field(default_factory=asyncio.Lock)
    problem: str = ""
    keeper: asyncio.Task[None] | None = None

    @property
    def kept(self) -> dict[str, Kept]:
        """Each run that may be asked for, the newest last; of one that is staged twice, what is active."""
        status = self.pointer.status
        runs = {
            record.run: Kept(record.run, record.uri, record.outputs)
            for record in status.runs
            if record.state is RunState.STAGED
        }
        if (active := self.active) is not None:
            runs[active.run] = active
        return runs

    @property
    def active(self) -> Kept | None:
        """What the pointer names."""
        active = self.pointer.status.active
        return Kept(active.run, active.uri, active.outputs) if active is not None else None

    @property
    def behind(self) -> bool:
        """Whether the pointer names something else than what answers."""
        active = self.active
        return active is not None and (self.current is None or self.version != active.version)


class Catalog:
    """Follows pointers, and hands out bundles."""

    def __init__(self, loader: Loads) -> None:
        self._loader = loader
        self._entries: dict[Key, Entry] = {}
        self.synced = False

    def follow(self, pointer: Materialization) -> None:
        """Take note of what a Materialization says now."""
        key = (pointer.metadata.namespace, pointer.metadata.name)
        entry = self._entries.get(key)
        if entry is not None and entry.pointer.metadata.uid != pointer.metadata.uid:
            self.forget(*key)
            entry = None
        if entry is None:
            entry = self._entries[key] = Entry(pointer)
            entry.keeper = asyncio.create_task(self._keep(entry))
        entry.pointer = pointer
        for version in set(entry.warm) - {kept.version for kept in entry.kept.values()}:
            del entry.warm[version]
        entry.moved.set()

    def forget(self, namespace: str, name: str) -> None:
        """Serve nothing under this name any more."""
        entry = self._entries.pop((namespace, name), None)
        if entry is not None and entry.keeper is not None:
            entry.keeper.cancel()

    def names(self) -> list[Key]:
        """The Materializations that are known."""
        return sorted(self._entries)

    def entry(self, namespace: str, name: str) -> Entry:
        """What is known of a Materialization.

        Raises:
            NotServed: nothing.
        """
        entry = self._entries.get((namespace, name))
        if entry is None:
            known = ", ".join(f"{namespace}/{name}" for namespace, name in self.names()) or "none"
            raise NotServed(f"No materialization {namespace}/{name} is known here: known is {known}")
        return entry

    async def bundle(self, namespace: str, name: str, run: str | None = None) -> Bundle:
        """The bundle that answers: the one that the pointer names, or the one of a pinned run.

        Raises:
            NotServed: there is no such materialization, or it does not keep that run.
            Unavailable: nothing is live yet, or the run cannot be loaded.
        """
        entry = self.entry(namespace, name)
        if run is not None:
            return await self._pinned(entry, run)
        if entry.current is None:
            why = entry.problem or f"look at `penstock describe materialization {name} -n {namespace}`"
            raise Unavailable(f"Nothing is live under materialization {namespace}/{name} yet: {why}")
        return entry.current

    def waiting(self) -> Iterator[str]:
        """The materializations whose active run is not served yet, with the reason."""
        for (namespace, name), entry in self._entries.items():
            if entry.behind and entry.current is None:
                yield f"{namespace}/{name}: {entry.problem or 'loading'}"

    async def close(self) -> None:
        """Stop following."""
        keepers = [entry.keeper for entry in self._entries.values() if entry.keeper is not None]
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)

    async def _keep(self, entry: Entry) -> None:
        """Let the bundle follow the pointer; what was served stays until the next is whole."""
        wait = FIRST_WAIT
        while True:
            entry.moved.clear()
            active = entry.active
            if active is None or not entry.behind:
                wait = FIRST_WAIT
                await entry.moved.wait()
                continue
            meta = entry.pointer.metadata
            about = log.bind(namespace=meta.namespace, name=meta.name, run=active.run)
            try:
                bundle = await self._load(entry, active)
            except Exception as error:  # noqa: BLE001 - a bundle that cannot be loaded must not end the gateway
                entry.problem = f"run {active.run} cannot be loaded: {error}"
                metrics.LOAD_FAILURES.inc()
                about.warning("Bundle not loaded", error=str(error), retry_seconds=wait)
                await _wait(entry.moved, wait)
                wait = min(wait * 2, LONGEST_WAIT)
                continue
            entry.current, entry.version, entry.problem = bundle, active.version, ""
            metrics.SWITCHES.inc()
            about.info("Run is live")

    async def _pinned(self, entry: Entry, run: str) -> Bundle:
        if run not in entry.kept:
            kept = ", ".join(entry.kept) or "none"
            raise NotServed(f"Materialization {entry.pointer.metadata.name!r} keeps no run {run!r}: it keeps {kept}")
        try:
            return await self._load(entry, entry.kept[run])
        except Exception as error:
            raise Unavailable(f"Run {run} cannot be loaded: {error}", run) from error

    async def _load(self, entry: Entry, kept: Kept) -> Bundle:
        async with entry.loading:
            version = kept.version
            if version not in entry.warm:
                namespace = entry.pointer.metadata.namespace
                with metrics.LOAD_SECONDS.time():
                    entry.warm[version] = await self._loader.load(namespace, kept.run, kept.uri, kept.outputs)
            entry.warm.move_to_end(version)
            bundle = entry.warm[version]
            while len(entry.warm) > WARM:
                entry.warm.popitem(last=False)
            return bundle


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return
