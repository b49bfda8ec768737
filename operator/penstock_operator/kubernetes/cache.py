"""The objects of the watched kinds, as they were last seen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence

from penstock_operator.kubernetes.kinds import KEPT
from penstock_operator.loop.index import ObjectIndex
from penstock_operator.loop.key import Key
from penstock_operator.ports import Change, Object, References

REMEMBERED = 10_000
"""Deleted objects whose uids are kept: a write that was under way may still be answered."""


class Cache:
    """Newest seen version of each object, fed by watches and by our own writes.

    Reads never go back behind a write of our own: of two versions the higher resourceVersion stays, which the
    Kubernetes API says to be a number that grows (KEP-5504).
    """

    def __init__(self, kinds: Iterable[str]) -> None:
        self._feeds: dict[str, set[_Feed]] = {kind: set() for kind in kinds}
        self._objects = ObjectIndex()
        self._gone: dict[str, None] = {}

    @property
    def kinds(self) -> Sequence[str]:
        """The kinds that are kept."""
        return tuple(self._feeds)

    def get(self, kind: str, namespace: str, name: str) -> Object | None:
        """The object, or None."""
        return self._objects.get(kind, namespace, name)

    def list(self, kind: str, namespace: str | None = None) -> Sequence[Object]:
        """The objects of a kind, of one namespace or of all."""
        return self._objects.list(kind, namespace)

    def referring(self, kind: str, namespace: str | None, references: References, name: str) -> Sequence[Object]:
        """The objects of a kind, in one namespace or in all, whose specs refer to a name."""
        return self._objects.referring(kind, namespace, references, name)

    def put(self, obj: Object) -> None:
        """Take an object that was seen; one that is older than the known one, or gone, is passed over."""
        # Nobody here reads them, and they are half of an object's size.
        obj["metadata"].pop("managedFields", None)
        key = Key.of(obj)
        if (kept := KEPT.get(key.kind)) is not None:
            obj["spec"] = {name: value for name, value in obj.get("spec", {}).items() if name in kept}
        known = self.get(*key)
        if obj["metadata"]["uid"] in self._gone or (known is not None and version(known) >= version(obj)):
            return
        self._objects.put(obj)
        self._publish(Change("ADDED" if known is None else "MODIFIED", obj))

    def remove(self, obj: Object) -> None:
        """Take note of a deletion; of another object of the same name nothing is forgotten."""
        key, uid = Key.of(obj), obj["metadata"]["uid"]
        self._gone[uid] = None
        if len(self._gone) > REMEMBERED:
            del self._gone[next(iter(self._gone))]
        known = self.get(*key)
        if known is None or known["metadata"]["uid"] != uid:
            return
        self._objects.remove(*key)
        self._publish(Change("DELETED", obj))

    async def reread(self, key: Key, ask: Callable[[str, str, str], Awaitable[Object | None]]) -> None:
        """Take what the API has under a key, or that it has nothing: then what was known when it was asked is gone."""
        known = self.get(*key)
        found = await ask(*key)
        if found is not None:
            self.put(found)
        elif known is not None:
            self.remove(known)

    async def watch(self, kind: str) -> AsyncIterator[Change]:
        """What is (as ADDED), then what changes; of several changes of one object the newest."""
        feed = _Feed()
        for obj in self.list(kind):
            feed.put(Change("ADDED", obj))
        self._feeds[kind].add(feed)
        try:
            while True:
                yield await feed.get()
        finally:
            self._feeds[kind].discard(feed)

    def _publish(self, change: Change) -> None:
        for feed in self._feeds[change.object["kind"]]:
            feed.put(change)


class _Feed:
    """Changes that a listener has not taken yet, one for each object."""

    def __init__(self) -> None:
        self._waiting: dict[Key, Change] = {}
        self._some = asyncio.Event()

    def put(self, change: Change) -> None:
        self._waiting[Key.of(change.object)] = change
        self._some.set()

    async def get(self) -> Change:
        await self._some.wait()
        key = next(iter(self._waiting))
        change = self._waiting.pop(key)
        if not self._waiting:
            self._some.clear()
        return change


def version(obj: Object) -> int:
    """The resourceVersion, as a number."""
    return int(obj["metadata"]["resourceVersion"])
