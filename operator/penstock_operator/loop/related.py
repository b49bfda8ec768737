"""From a changed object to the objects that refer to it, or that it refers to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from penstock_operator.loop.known import Known
from penstock_operator.loop.reconciler import Key, Related
from penstock_operator.loop.wire import entries, inner, texts
from penstock_operator.ports import Object, References

SECRET_KEY_REFS = ("secretKeyRef", "tokenSecretKeyRef")
"""The fields of the API that name a key of a Secret."""


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


def feature_views(spec: dict[str, Any]) -> list[str]:
    """The FeatureViews of a Materialization."""
    return texts(*(inner(mapping, "featureViewRef", "name") for mapping in entries(spec, "features")))


def vector_collections(spec: dict[str, Any]) -> list[str]:
    """The VectorCollections of a Materialization."""
    return texts(*(inner(mapping, "vectorCollectionRef", "name") for mapping in entries(spec, "vectors")))


def training_job(spec: dict[str, Any]) -> list[str]:
    """The TrainingJob of a Materialization."""
    return texts(inner(spec, "trainingJobRef", "name"))


def store(spec: dict[str, Any]) -> list[str]:
    """The store of a FeatureView or VectorCollection."""
    return texts(inner(spec, "storeRef", "name"))


def secrets(spec: Any) -> list[str]:
    """Every Secret that a spec names, at any depth.

    What Penstock hands on, such as a volume, refers to Secrets by other names: their pods wait for them.
    """
    found: list[str] = []
    if isinstance(spec, dict):
        for name, value in spec.items():
            if name in SECRET_KEY_REFS and isinstance(value, dict):
                found.extend(texts(value.get("name")))
            else:
                found.extend(secrets(value))
    elif isinstance(spec, list):
        for value in spec:
            found.extend(secrets(value))
    return found
