"""Archives of code that no job names any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

import structlog

from penstock.sources.store import PROTECTED
from penstock_operator.loop.key import Key
from penstock_operator.loop.reconcile import utc_now
from penstock_operator.loop.wire import entries, inner, texts
from penstock_operator.ports import Change, Object, Refused, Unreachable, World

JOB = "TrainingJob"
PAUSE_SECONDS = 10.0
"""Jobs that go one after the other are one reason to look."""
LONGEST_SECONDS = 3600.0
"""Between two looks: an upload whose job never came is told by nobody."""
RETRY_SECONDS = 60.0

log = structlog.get_logger(__name__)


class SourceSweeper:
    """Removes them as soon as no job names them, but for a while those whose job may yet come.

    What there is to do follows from the store and the jobs alone: whatever was missed is done after a new start.
    """

    def __init__(self, world: World, clock: Callable[[], datetime] = utc_now, pause: float = PAUSE_SECONDS) -> None:
        self._cluster, self._artifacts, self._clock, self._pause = world.cluster, world.artifacts, clock, pause
        self._uri = world.installation.artifacts
        self._named: dict[Key, set[str]] = {}
        self._released = asyncio.Event()

    async def run(self) -> None:
        """Sweep now, when a job lets go of an archive, and when one has been protected for long enough; never ends."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow(), name="follow jobs")
            while True:
                self._released.clear()
                seconds = await self._swept()
                with suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await self._released.wait()
                await asyncio.sleep(self._pause)

    async def sweep(self) -> float:
        """Remove what can go; seconds until there may be more.

        Raises:
            Unreachable: the store does not answer; or Refused.
        """
        # In this order: a job that came later was applied with an archive that is young, or written again.
        archives = await self._artifacts.sources(self._uri)
        named = {digest for obj in await self._cluster.list(JOB) for digest in _named(obj)}
        now, longest = self._clock(), LONGEST_SECONDS
        for archive in archives:
            if archive.digest in named:
                continue
            left = (archive.written + PROTECTED - now).total_seconds()
            if left >= 0:
                longest = min(longest, left + 1)
            elif await self._artifacts.remove_source(archive):
                log.info("Source removed", uri=archive.uri)
        return longest

    async def _swept(self) -> float:
        try:
            return await self.sweep()
        except (Unreachable, Refused) as error:
            log.warning("Sources not swept", error=str(error))
        except Exception:
            # Whoever runs this does more beside it.
            log.exception("Sources not swept")
        return RETRY_SECONDS

    async def _follow(self) -> None:
        while True:
            try:
                async for change in self._cluster.watch(JOB):
                    self._see(change)
            except Exception as error:  # noqa: BLE001 - a watch must come back, whatever ended it
                log.warning("Watch ended", kind=JOB, error=repr(error))
            await asyncio.sleep(RETRY_SECONDS)

    def _see(self, change: Change) -> None:
        key = Key.of({"kind": JOB, **change.object})
        before = self._named.pop(key, set())
        now = set() if change.type == "DELETED" else set(_named(change.object))
        if now:
            self._named[key] = now
        if before - now:
            self._released.set()


def _named(job: Object) -> list[str]:
    if "deletionTimestamp" in job["metadata"]:
        return []
    revisions = (attempt.get("sourceRevision") for attempt in entries(job, "status", "attempts"))
    return texts(inner(job, "spec", "source", "archive", "digest"), *revisions)
