"""Objects as they were last seen, found by name, and by the names that their specs refer to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from penstock_operator.ports import Object, References


class ObjectIndex:
    """Objects of any kinds.

    Thousands may be known, and each change asks who refers to what has changed: an index answers, made the first time.
    """

    def __init__(self) -> None:
        self._objects: dict[str, dict[str, dict[str, Object]]] = defaultdict(dict)
        self._indexes: dict[str, dict[References, _Index]] = defaultdict(dict)

    def get(self, kind: str, namespace: str, name: str) -> Object | None:
        """The object, or None."""
        return self._objects[kind].get(namespace, {}).get(name)

    def list(self, kind: str, namespace: str | None = None) -> Sequence[Object]:
        """The objects of a kind, of one namespace or of all."""
        if namespace is not None:
            return list(self._objects[kind].get(namespace, {}).values())
        return [obj for objects in self._objects[kind].values() for obj in objects.values()]

    def referring(self, kind: str, namespace: str | None, references: References, name: str) -> Sequence[Object]:
        """The objects of a kind, in one namespace or in all, whose specs refer to a name."""
        index = self._indexes[kind].get(references)
        if index is None:
            index = self._indexes[kind][references] = _Index(references)
            for one in self.list(kind):
                index.add(one)
        there = self._objects[kind]
        return [there[home][one] for home, one in index.find(namespace, name)]

    def put(self, obj: Object) -> None:
        """Take an object, in place of what had its name."""
        kind, namespace, name = _key(obj)
        before = self.get(kind, namespace, name)
        self._objects[kind].setdefault(namespace, {})[name] = obj
        for index in self._indexes[kind].values():
            if before is not None:
                index.remove(before)
            index.add(obj)

    def remove(self, kind: str, namespace: str, name: str) -> None:
        """Forget an object."""
        names = self._objects[kind].get(namespace, {})
        before = names.pop(name, None)
        if before is None:
            return
        if not names:
            del self._objects[kind][namespace]
        for index in self._indexes[kind].values():
            index.remove(before)


class _Index:
    def __init__(self, references: References) -> None:
        self._references = references
        # By the name that is referred to, then by namespace: names as a set that keeps the order in which they came.
        self._names: dict[str, dict[str, dict[str, None]]] = {}

    def find(self, namespace: str | None, referred: str) -> Iterable[tuple[str, str]]:
        homes = self._names.get(referred, {})
        for home in homes if namespace is None else (namespace,):
            for name in homes.get(home, ()):
                yield home, name

    def add(self, obj: Object) -> None:
        _, namespace, name = _key(obj)
        for referred in self._references(obj.get("spec") or {}):
            self._names.setdefault(referred, {}).setdefault(namespace, {})[name] = None

    def remove(self, obj: Object) -> None:
        _, namespace, name = _key(obj)
        for referred in self._references(obj.get("spec") or {}):
            homes = self._names.get(referred, {})
            names = homes.get(namespace, {})
            names.pop(name, None)
            if not names:
                homes.pop(namespace, None)
            if not homes:
                self._names.pop(referred, None)


def _key(obj: Object) -> tuple[str, str, str]:
    meta = obj["metadata"]
    return obj["kind"], meta.get("namespace", ""), meta["name"]
