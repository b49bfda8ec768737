"""Watches every kind and keeps the queue fed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import structlog

from penstock_operator.loop.failures import Failure, classify, delay
from penstock_operator.loop.index import ObjectIndex
from penstock_operator.loop.key import Key
from penstock_operator.loop.kind import AnyKind, Related
from penstock_operator.loop.plan import ALWAYS
from penstock_operator.loop.queue import KeyQueue, Result
from penstock_operator.loop.reconcile import Clock, reconcile, utc_now
from penstock_operator.ports import Change, Cluster, Object

log = structlog.get_logger(__name__)

WATCH_RETRY_SECONDS = 1.0


PassObserver = Callable[[str, str, float], None]
"""(kind, outcome, seconds) of a pass that has ended; the outcome is `success` or a kind of failure."""


class Manager:
    """Drives kinds from the watches of one cluster until it is cancelled."""

    def __init__(
        self,
        cluster: Cluster,
        kinds: Sequence[AnyKind],
        clock: Clock = utc_now,
        observer: PassObserver = lambda kind, outcome, seconds: None,
    ) -> None:
        self._cluster = cluster
        self._kinds = {kind.name: kind for kind in kinds}
        self._clock, self._observer = clock, observer
        self._since = ALWAYS
        self.queue = KeyQueue(self._pass)
        self._objects = ObjectIndex()
        self._failures: dict[Key, int] = {}

    async def run(self) -> None:
        """Watch and reconcile; never returns, and ends its passes when cancelled."""
        watched = {*self._kinds, *(other for kind in self._kinds.values() for other in kind.related)}
        self._since = self._clock()
        try:
            async with asyncio.TaskGroup() as tasks:
                for kind in sorted(watched):
                    tasks.create_task(self._watch(kind), name=f"watch {kind}")
        finally:
            await self.queue.close()

    async def _watch(self, kind: str) -> None:
        while True:
            try:
                async for change in self._cluster.watch(kind):
                    self._see(kind, change)
            except Exception as error:  # noqa: BLE001 - a watch must come back, whatever ended it
                log.warning("Watch ended", kind=kind, error=repr(error))
            await asyncio.sleep(WATCH_RETRY_SECONDS)

    def _see(self, kind: str, change: Change) -> None:
        obj = {"kind": kind, **change.object}
        key = Key.of(obj)
        if change.type == "DELETED":
            self._objects.remove(*key)
            self._failures.pop(key, None)
        else:
            self._objects.put(obj)
            if kind in self._kinds:
                self.queue.add(key)
        for one in self._kinds.values():
            if (related := one.related.get(kind)) is not None:
                self._add_related(related, obj)

    def _add_related(self, related: Related, changed: Object) -> None:
        try:
            for other in related(changed, self._objects):
                self.queue.add(other)
        except Exception:
            # The watch would end here, and again at the same object after each new start.
            log.exception("Relations not found", **Key.of(changed)._asdict())

    async def _pass(self, key: Key) -> Result:
        started, outcome = time.perf_counter(), "success"
        try:
            after = await reconcile(self._cluster, self._kinds[key.kind], key, self._clock, self._since)
            self._failures.pop(key, None)
            return Result(after)
        except Exception as error:  # noqa: BLE001 - mapped by kind of failure, in one place
            outcome = str(classify(error))
            return Result(self._failed(key, error), failed=True)
        finally:
            self._observer(key.kind, outcome, time.perf_counter() - started)

    def _failed(self, key: Key, error: Exception) -> float:
        failure = classify(error)
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        after = delay(failure, failures)
        bound = log.bind(
            kind=key.kind, namespace=key.namespace, name=key.name, failures=failures, retry_in=round(after, 1)
        )
        if failure is Failure.BUG:
            bound.error("Reconcile failed unexpectedly", exc_info=error)
        elif failure is not Failure.STALE:
            bound.warning("Reconcile failed", failure=str(failure), error=str(error))
        return after
