"""From a changed object to the objects that refer to it, or that it refers to."""

from __future__ import annotations

from collections.abc import Iterable

from penstock_operator.loop.index import ObjectIndex
from penstock_operator.loop.key import Key
from penstock_operator.loop.kind import Related
from penstock_operator.ports import Object, References


def referring(kind: str, references: References) -> Related:
    """The objects of `kind` whose spec refers to the changed object."""

    def related(changed: Object, objects: ObjectIndex) -> Iterable[Key]:
        meta = changed["metadata"]
        for obj in objects.referring(kind, meta.get("namespace", ""), references, meta["name"]):
            yield Key.of(obj)

    return related


def referred(kind: str, references: References) -> Related:
    """The objects of `kind` that the spec of the changed object refers to."""

    def related(changed: Object, objects: ObjectIndex) -> Iterable[Key]:
        namespace = changed["metadata"].get("namespace", "")
        for name in references(changed.get("spec", {})):
            yield Key(kind, namespace, name)

    return related


def owned(kind: str) -> Related:
    """The object of `kind` that owns the changed object."""

    def related(changed: Object, objects: ObjectIndex) -> Iterable[Key]:
        meta = changed["metadata"]
        for owner in meta.get("ownerReferences", ()):
            if owner["kind"] == kind:
                yield Key(kind, meta.get("namespace", ""), owner["name"])

    return related


def sharing(kind: str, references: References) -> Related:
    """The objects of `kind` whose spec refers to what the spec of the changed object refers to."""

    def related(changed: Object, objects: ObjectIndex) -> Iterable[Key]:
        namespace = changed["metadata"].get("namespace", "")
        for name in references(changed.get("spec") or {}):
            for obj in objects.referring(kind, namespace, references, name):
                yield Key.of(obj)

    return related


def any_of(*relations: Related) -> Related:
    """What any of the relations finds."""

    def related(changed: Object, objects: ObjectIndex) -> Iterable[Key]:
        for one in relations:
            yield from one(changed, objects)

    return related


def when_deleted(related: Related) -> Related:
    """The same, but only for a changed object that is being deleted."""

    def related_then(changed: Object, objects: ObjectIndex) -> Iterable[Key]:
        return related(changed, objects) if "deletionTimestamp" in changed["metadata"] else ()

    return related_then
