"""The Kubernetes API as the reconcilers' Cluster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from penstock_operator.kubernetes.api import Api
from penstock_operator.kubernetes.cache import Cache
from penstock_operator.kubernetes.events import Recorder
from penstock_operator.kubernetes.metrics import Metrics
from penstock_operator.kubernetes.transitions import transition
from penstock_operator.loop.finalizing import LEFT_BEHIND
from penstock_operator.loop.key import Key
from penstock_operator.ports import Change, Conflict, Object, References


class KubernetesCluster:
    """Reads watched kinds from the cache, and others, such as Secrets, from the API; writes to the API."""

    def __init__(self, api: Api, cache: Cache, recorder: Recorder, metrics: Metrics) -> None:
        self._api, self._cache, self._recorder, self._metrics = api, cache, recorder, metrics

    async def get(self, kind: str, namespace: str, name: str) -> Object | None:
        """The object, or None."""
        if kind in self._cache.kinds:
            return self._cache.get(kind, namespace, name)
        return await self._api.get(kind, namespace, name)

    async def list(self, kind: str, namespace: str | None = None) -> Sequence[Object]:
        """The objects of a watched kind."""
        return self._cache.list(kind, namespace)

    async def referring(self, kind: str, namespace: str | None, references: References, name: str) -> Sequence[Object]:
        """The objects of a watched kind, in one namespace or in all, whose specs refer to a name."""
        return self._cache.referring(kind, namespace, references, name)

    async def write_status(self, obj: Object, status: Mapping[str, Any]) -> Object:
        """Replace the status of the object as it was read."""
        written = await self._write(obj, self._api.replace({**obj, "status": dict(status)}, "status"))
        self._metrics.count(transition(obj["kind"], obj.get("status") or {}, status), datetime.now(UTC))
        return written

    async def write_finalizers(self, obj: Object, finalizers: Sequence[str]) -> Object:
        """Replace the finalizers of the object as it was read."""
        meta = obj["metadata"]
        precondition = {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}
        return await self._write(obj, self._api.merge(obj, {"metadata": {**precondition, "finalizers": [*finalizers]}}))

    async def select(self, kind: str, namespace: str, selector: str) -> Sequence[Object]:
        """The objects with these labels, from the API."""
        return await self._api.select(kind, namespace, selector)

    async def create(self, obj: Object) -> Object:
        """Create an object; whoever reads next finds it, or the one that has its name."""
        return await self._write(obj, self._api.create(obj))

    async def replace_spec(self, obj: Object, spec: Mapping[str, Any]) -> Object:
        """Replace the spec of the object as it was read."""
        return await self._write(obj, self._api.replace({**obj, "spec": dict(spec)}))

    async def delete(self, obj: Object, *, wait: bool = False) -> None:
        """Delete an object, and nothing else that has its name by now; with `wait` it goes after all that it owns."""
        meta = obj["metadata"]
        await self._api.delete(obj["kind"], meta["namespace"], meta["name"], meta["uid"], foreground=wait)

    async def record(self, obj: Object, severity: Literal["Normal", "Warning"], reason: str, message: str) -> None:
        """Hand an event to the recorder, which posts it in its own time."""
        self._recorder.record(obj, severity, reason, message)
        if reason == LEFT_BEHIND:
            self._metrics.left_behind(obj["kind"])

    def watch(self, kind: str) -> AsyncIterator[Change]:
        """What is, then what changes; of a kind that is not watched, nothing."""
        return self._cache.watch(kind) if kind in self._cache.kinds else _silence()

    async def _write(self, obj: Object, call: Awaitable[Object]) -> Object:
        """Keep what was written; after a conflict read what is there, which the watch may bring late or never."""
        try:
            written = await call
        except Conflict:
            key = Key.of(obj)
            if key.kind in self._cache.kinds:
                await self._cache.reread(key, self._api.get)
            raise
        if written["kind"] in self._cache.kinds:
            self._cache.put(written)
        return written


async def _silence() -> AsyncIterator[Change]:
    """Secrets are read when they are needed: to watch them all would take the right to read them all."""
    await asyncio.Event().wait()
    yield  # type: ignore[misc]
