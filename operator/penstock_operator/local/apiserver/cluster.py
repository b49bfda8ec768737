"""The embedded object store as the reconcilers' Cluster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Literal

from penstock_operator import ports
from penstock_operator.local.apiserver.changelog import StoredChange
from penstock_operator.local.apiserver.errors import AlreadyExists, Gone, Invalid, Malformed, NotFound, Stale
from penstock_operator.local.apiserver.store import ObjectStore
from penstock_operator.loop.event import event
from penstock_operator.loop.index import ObjectIndex
from penstock_operator.loop.key import Key
from penstock_operator.ports import Change, Conflict, Object, References


class LocalCluster:
    """Reads and writes the store in the event loop's own thread: each call takes well under a millisecond."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._objects = ObjectIndex()
        self._read: dict[str, int] = {}
        """Up to which version the known objects of a kind are those of the store."""

    async def get(self, kind: str, namespace: str, name: str) -> Object | None:
        """The object, or None."""
        try:
            return self._store.get(kind, namespace, name)
        except NotFound:
            return None

    async def list(self, kind: str, namespace: str | None = None) -> Sequence[Object]:
        """The objects of a kind."""
        return self._store.list(kind, namespace)

    async def referring(self, kind: str, namespace: str | None, references: References, name: str) -> Sequence[Object]:
        """The objects of a kind, in one namespace or in all, whose specs refer to a name: by an index that follows."""
        self._follow(kind)
        return self._objects.referring(kind, namespace, references, name)

    async def write_status(self, obj: Object, status: Mapping[str, Any]) -> Object:
        """Replace the status of the object as it was read."""
        with _translated():
            return self._store.update_status({**obj, "status": dict(status)})

    async def write_finalizers(self, obj: Object, finalizers: Sequence[str]) -> Object:
        """Replace the finalizers of the object as it was read."""
        with _translated():
            return self._store.update({**obj, "metadata": {**obj["metadata"], "finalizers": [*finalizers]}})

    async def create(self, obj: Object) -> Object:
        """Create an object."""
        with _translated():
            return self._store.create(obj)

    async def replace_spec(self, obj: Object, spec: Mapping[str, Any]) -> Object:
        """Replace the spec of the object as it was read."""
        with _translated():
            return self._store.update({**obj, "spec": dict(spec)})

    async def delete(self, obj: Object) -> None:
        """Delete an object, and nothing else that has its name by now; one that is gone is fine."""
        meta = obj["metadata"]
        with suppress(NotFound):
            if self._store.get(obj["kind"], meta["namespace"], meta["name"])["metadata"]["uid"] == meta["uid"]:
                self._store.delete(obj["kind"], meta["namespace"], meta["name"])

    async def record(self, obj: Object, severity: Literal["Normal", "Warning"], reason: str, message: str) -> None:
        """Post an event; one that repeats is counted."""
        posted = event(obj, severity, reason, message)
        meta = posted["metadata"]
        try:
            self._store.create(posted)
        except AlreadyExists:
            known = self._store.get("Event", meta["namespace"], meta["name"])
            last = posted["lastTimestamp"]
            self._store.update({**known, "lastTimestamp": last, "count": known.get("count", 0) + 1})

    async def watch(self, kind: str) -> AsyncIterator[Change]:
        """What is, then what changes; a listener that falls behind the log lists again."""
        woken = asyncio.Event()
        unlisten = self._store.listen(woken.set)
        try:
            while True:
                version = self._store.version
                for obj in self._store.list(kind):
                    yield Change("ADDED", obj)
                try:
                    while True:
                        woken.clear()
                        for change in self._store.changes(kind, version):
                            version = change.version
                            yield Change(change.type, change.object)
                        await woken.wait()
                except Gone:
                    continue
        finally:
            unlisten()

    def _follow(self, kind: str) -> None:
        """Take what has changed since the last look."""
        version = self._store.version
        try:
            changes = self._store.changes(kind, self._read[kind])
        except (KeyError, Gone):
            for obj in self._objects.list(kind):
                self._objects.remove(*Key.of(obj))
            changes = [StoredChange(version, "ADDED", obj) for obj in self._store.list(kind)]
        for change in changes:
            if change.type == "DELETED":
                self._objects.remove(*Key.of(change.object))
            else:
                self._objects.put(change.object)
        self._read[kind] = version


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the store's errors into the port's.

    Raises:
        Conflict: the object changed since, or is gone, or its name is taken.
        ports.Invalid: its schema does not allow it.
    """
    try:
        yield
    except (Stale, NotFound, AlreadyExists) as error:
        raise Conflict(str(error)) from error
    except (Invalid, Malformed) as error:
        raise ports.Invalid(str(error)) from error
