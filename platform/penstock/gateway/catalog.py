"""What is served: for each Materialization the bundle that its pointer names, swapped by one assignment."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

import structlog

from penstock.api.materialization import Materialization, RunRecord, RunState, StagedOutput
from penstock.gateway import metrics
from penstock.gateway.bundle import Bundle
from penstock.gateway.errors import NotServed, Unavailable
from penstock.gateway.once import Once

WARM = 4
"""Bundles kept for one Materialization: a rollback, or a pinned run, need not be loaded."""
FIRST_WAIT, LONGEST_WAIT = 0.5, 15.0
TRIES = 3
"""Loads of a first run that failed, after which the start waits no longer for it: others are served meanwhile."""

log = structlog.get_logger()
T = TypeVar("T")
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
    loading: Once[Version, Bundle] = field(default_factory=Once)
    """By version: a slow one delays no other, and each is loaded once."""
    problem: str = ""
    failures: int = 0
    keeper: asyncio.Task[None] | None = None

    @property
    def kept(self) -> dict[str, Kept]:
        """Each run that may be asked for, the newest last; of one that is staged twice, what is active."""
        records = self.pointer.status.runs
        retiring = [record for record in records if _in_grace(record)]
        staged = [record for record in records if record.state is RunState.STAGED]
        runs = {record.run: Kept(record.run, record.uri, record.outputs) for record in (*retiring, *staged)}
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
        self._ready = False
        self.synced = False
        self.problem = ""
        """Why the API cannot be watched; empty while it is, or where it just does not answer."""

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
            return await self._pinned(entry, run)
        if entry.current is None:
            why = entry.problem or f"look at `penstock describe materialization {name} -n {namespace}`"
            raise Unavailable(f"Nothing is live under materialization {namespace}/{name} yet: {why}")
        return entry.current

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
            f"{namespace}/{name}: {entry.problem}"
            for (namespace, name), entry in sorted(self._entries.items())
            if entry.behind and entry.problem
        ]
        return [*([self.problem] if self.problem else []), *broken]

    async def close(self) -> None:
        """Stop following."""
        keepers = [entry.keeper for entry in self._entries.values() if entry.keeper is not None]
        for keeper in keepers:
            keeper.cancel()
        for entry in self._entries.values():
            entry.loading.cancel()
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
                bundle = await _unless(entry.moved, self._load(entry, active))
            except Exception as error:  # noqa: BLE001 - a bundle that cannot be loaded must not end the gateway
                entry.problem = f"run {active.run} cannot be loaded: {error}"
                entry.failures += 1
                metrics.LOAD_FAILURES.inc()
                about.warning("Bundle not loaded", error=str(error), retry_seconds=wait)
                await _wait(entry.moved, wait)
                wait = min(wait * 2, LONGEST_WAIT)
                continue
            if bundle is None or entry.active is None or entry.active.version != active.version:
                # The pointer has moved on meanwhile.
                continue
            entry.current, entry.version, entry.problem, entry.failures = bundle, active.version, "", 0
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
        if kept.version in entry.warm:
            entry.warm.move_to_end(kept.version)
            return entry.warm[kept.version]
        if entry.current is not None and entry.version == kept.version:
            return entry.current
        return await entry.loading.run(kept.version, lambda: self._load_cold(entry, kept))

    async def _load_cold(self, entry: Entry, kept: Kept) -> Bundle:
        with metrics.LOAD_SECONDS.time():
            bundle = await self._loader.load(entry.pointer.metadata.namespace, kept.run, kept.uri, kept.outputs)
        if kept.version in {one.version for one in entry.kept.values()}:
            entry.warm[kept.version] = bundle
        while len(entry.warm) > WARM:
            entry.warm.popitem(last=False)
        return bundle


def _in_grace(record: RunRecord) -> bool:
    """Whether it is kept for those who still ask for it."""
    if record.state is not RunState.RETIRING or record.retire_at is None:
        return False
    return record.retire_at > datetime.now(UTC)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return


async def _unless(event: asyncio.Event, call: Coroutine[Any, Any, T]) -> T | None:
    """The result of the call; None when the event came first."""
    calling, told = asyncio.ensure_future(call), asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait((calling, told), return_when=asyncio.FIRST_COMPLETED)
        return calling.result() if calling.done() else None
    finally:
        calling.cancel()
        told.cancel()
