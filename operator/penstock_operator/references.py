"""What the spec of an object refers to, by name: one function for each kind of reference."""

from __future__ import annotations

from typing import Any

from penstock_operator.loop.wire import entries, inner, texts

SECRET_KEY_REFS = ("secretKeyRef", "tokenSecretKeyRef")
"""The fields of the API that name a key of a Secret."""


def feature_views(spec: dict[str, Any]) -> list[str]:
    """The FeatureViews of a Materialization or StagedRun."""
    return texts(*(inner(mapping, "featureViewRef", "name") for mapping in entries(spec, "features")))


def vector_collections(spec: dict[str, Any]) -> list[str]:
    """The VectorCollections of a Materialization or StagedRun."""
    return texts(*(inner(mapping, "vectorCollectionRef", "name") for mapping in entries(spec, "vectors")))


def training_job(spec: dict[str, Any]) -> list[str]:
    """The TrainingJob of a Materialization or TrainingRun."""
    return texts(inner(spec, "trainingJobRef", "name"))


def materialization(spec: dict[str, Any]) -> list[str]:
    """The Materialization of a StagedRun."""
    return texts(inner(spec, "materializationRef", "name"))


def training_run(spec: dict[str, Any]) -> list[str]:
    """The TrainingRun of a StagedRun."""
    return texts(inner(spec, "trainingRunRef", "name"))


def feature_stores(spec: dict[str, Any]) -> list[str]:
    """The FeatureStores of a StagedRun."""
    return texts(*(inner(view, "storeRef", "name") for view in entries(spec, "features")))


def vector_stores(spec: dict[str, Any]) -> list[str]:
    """The VectorStores of a StagedRun."""
    return texts(*(inner(collection, "storeRef", "name") for collection in entries(spec, "vectors")))


def store(spec: dict[str, Any]) -> list[str]:
    """The store of a FeatureView or VectorCollection."""
    return texts(inner(spec, "storeRef", "name"))


def secrets(spec: Any) -> list[str]:
    """Every Secret that a spec names, at any depth."""
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
