"""From a changed object to the objects that refer to it, or that it refers to."""

from __future__ import annotations

from collections.abc import Iterable

from penstock_operator.loop.key import Key
from penstock_operator.loop.kind import Related
from penstock_operator.loop.known import Known
from penstock_operator.ports import Object, References


def referring(kind: str, references: References) -> Related:
    """The objects of `kind` whose spec refers to the changed object."""

    def related(changed: Object, known: Known) -> Iterable[Key]:
        meta = changed["metadata"]
        for obj in known.referring(kind, meta.get("namespace", ""), references, meta["name"]):
            yield Key.of(obj)

    return related


def referred(kind: str, references: References) -> Related:
    """The objects of `kind` that the spec of the changed object refers to."""

    def related(changed: Object, known: Known) -> Iterable[Key]:
        namespace = changed["metadata"].get("namespace", "")
        for name in references(changed.get("spec", {})):
            yield Key(kind, namespace, name)

    return related


def owned(kind: str) -> Related:
    """The object of `kind` that owns the changed object."""

    def related(changed: Object, known: Known) -> Iterable[Key]:
        meta = changed["metadata"]
        for owner in meta.get("ownerReferences", ()):
            if owner["kind"] == kind:
                yield Key(kind, meta.get("namespace", ""), owner["name"])

    return related


def referring_through(between: str, first: References, kind: str, second: References) -> Related:
    """The objects of `kind` that refer to an object of `between` which refers to the changed object."""
    to_between = referring(between, first)

    def related(changed: Object, known: Known) -> Iterable[Key]:
        for key in to_between(changed, known):
            yield from referring(kind, second)({"metadata": {"namespace": key.namespace, "name": key.name}}, known)

    return related
