"""The end of a Feast project, which people and other tools may share with Penstock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.stores.feast.errors import FeaturesRefused
from penstock.stores.feast.lean import feast
from penstock.stores.feast.ours import is_ours
from penstock.stores.feast.store import open_store, translated
from penstock_operator.adapters.feast.views import source_name

FEASTS_OWN = "__dummy"
"""The entity of views without one, which Feast registers in every project."""


def drop_project(config: Mapping[str, Any]) -> None:
    """Remove what Penstock registered and nothing uses any more, and the project where nothing is left in it.

    Feast itself removes a project with everything that anybody registered in it.

    Raises:
        FeaturesRefused: the project stays, for what it names: views, and all that is somebody else's.
    """
    store = open_store(config)
    with translated(config):
        if not any(project.name == store.project for project in store.list_projects()):
            return
        if left := _unused(store):
            store.apply([], objects_to_delete=left, partial=False)
        if stays := _contents(store):
            raise FeaturesRefused(f"Feast project {store.project!r} stays, for {', '.join(stays)} in it")
        store.delete_project(store.project)


def _unused(store: feast.FeatureStore) -> list[Any]:
    """Ours, but for views and what views use."""
    views = store.list_all_feature_views()
    names = {view.name for view in views}
    entities = {name for view in views for name in getattr(view, "entities", ())}
    sources = {source_name(view) for view in views}
    services = [
        service
        for service in store.list_feature_services()
        if not names & {projection.name for projection in service.feature_view_projections}
    ]
    found = [
        *services,
        *(entity for entity in store.list_entities() if entity.name not in entities),
        *(source for source in store.list_data_sources() if source.name not in sources),
    ]
    return [obj for obj in found if is_ours(obj)]


def _contents(store: feast.FeatureStore) -> list[str]:
    """All that is in the project, for people."""
    kinds = {
        "feature view": store.list_all_feature_views(),
        "feature service": store.list_feature_services(),
        "entity": [entity for entity in store.list_entities() if entity.name != FEASTS_OWN],
        "data source": store.list_data_sources(),
        "saved dataset": store.list_saved_datasets(),
        "validation reference": store.list_validation_references(),
        "permission": store.list_permissions(),
    }
    return [f"{kind} {obj.name!r}" for kind, found in kinds.items() for obj in found]
