"""Feature services: the stable names in front of one view for each run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.stores.feast.errors import FeaturesRefused
from penstock.stores.feast.lean import feast
from penstock.stores.feast.ours import TAGS, is_ours
from penstock.stores.feast.store import open_store, translated


def service_view(config: Mapping[str, Any], service: str) -> str | None:
    """The view behind a feature service, or None where there is no such service."""
    store = open_store(config)
    with translated(config):
        found = _find(store, service)
        return _view_of(found) if found is not None else None


def point_service(config: Mapping[str, Any], service: str, view: str) -> None:
    """Let the feature service stand for a view.

    Raises:
        FeaturesRefused: there is no such view, or the service is somebody else's.
    """
    store = open_store(config)
    with translated(config):
        found = _find(store, service)
        if found is not None and not is_ours(found):
            raise FeaturesRefused(
                f"Feast project {store.project!r}: feature service {service!r} was not made by Penstock: "
                "remove it, or choose another name"
            )
        store.apply([feast.FeatureService(name=service, features=[store.get_feature_view(view)], tags=TAGS)])


def drop_service(config: Mapping[str, Any], service: str, view: str) -> None:
    """Remove a feature service of Penstock's that stands for this view; any other is left, one that is gone is fine."""
    store = open_store(config)
    with translated(config):
        found = _find(store, service)
        if found is not None and is_ours(found) and _view_of(found) == view:
            store.apply([], objects_to_delete=[found], partial=False)


def _find(store: feast.FeatureStore, service: str) -> Any | None:
    try:
        return store.get_feature_service(service)
    except feast.errors.FeatureServiceNotFoundException:
        return None


def _view_of(service: Any) -> str | None:
    """The first of its views: ours have one; somebody else's may have several, or none."""
    return next((str(projection.name) for projection in service.feature_view_projections), None)
