"""Registry objects: one feature view for each run, one feature service with a stable name in front."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from penstock.api.views import ValueType
from penstock.handoff import ViewTarget
from penstock.stores.feast.errors import FeaturesRefused
from penstock.stores.feast.lean import feast
from penstock.stores.feast.store import open_store, translated

TYPES: dict[ValueType, feast.types.FeastType] = {
    ValueType.INT32: feast.types.Int32,
    ValueType.INT64: feast.types.Int64,
    ValueType.FLOAT32: feast.types.Float32,
    ValueType.FLOAT64: feast.types.Float64,
    ValueType.STRING: feast.types.String,
    ValueType.BOOL: feast.types.Bool,
}
ENTITY_TYPES = {
    ValueType.INT32: feast.ValueType.INT32,
    ValueType.INT64: feast.ValueType.INT64,
    ValueType.FLOAT32: feast.ValueType.FLOAT,
    ValueType.FLOAT64: feast.ValueType.DOUBLE,
    ValueType.STRING: feast.ValueType.STRING,
    ValueType.BOOL: feast.ValueType.BOOL,
}


def register_view(store: feast.FeatureStore, target: ViewTarget, parquet: str) -> bool:
    """Register the entities and the view of a run, and make its online table; a repetition changes nothing.

    Args:
        store: an open store.
        target: the view.
        parquet: where the run's Parquet files are: the view's offline source.

    Returns:
        Whether there was no such view before: then it has no rows.
    """
    entities = [
        feast.Entity(name=entity.name, join_keys=[entity.name], value_type=ENTITY_TYPES[entity.type])
        for entity in target.entities
    ]
    view = feast.FeatureView(
        name=target.view,
        entities=entities,
        ttl=timedelta(seconds=target.ttl_seconds or 0),
        schema=[
            feast.Field(name=field.name, dtype=TYPES[field.type]) for field in (*target.entities, *target.features)
        ],
        source=feast.FileSource(path=parquet, timestamp_field=target.timestamp_field),
        online=True,
    )
    with translated(target.config):
        new = _find_view(store, target.view) is None
        store.apply([*entities, view])
    return new


def service_view(config: Mapping[str, Any], service: str) -> str | None:
    """The view behind a feature service, or None where there is no such service."""
    store = open_store(config)
    with translated(config):
        try:
            found = store.get_feature_service(service)
        except feast.errors.FeatureServiceNotFoundException:
            return None
        return str(found.feature_view_projections[0].name)


def point_service(config: Mapping[str, Any], service: str, view: str) -> None:
    """Let the feature service stand for a view.

    Raises:
        FeaturesRefused: there is no such view.
    """
    store = open_store(config)
    with translated(config):
        store.apply([feast.FeatureService(name=service, features=[store.get_feature_view(view)])])


def drop_service(config: Mapping[str, Any], service: str) -> None:
    """Remove a feature service; one that is gone is fine."""
    store = open_store(config)
    with translated(config):
        try:
            found = store.get_feature_service(service)
        except feast.errors.FeatureServiceNotFoundException:
            return
        store.apply([], objects_to_delete=[found], partial=False)


def drop_view(config: Mapping[str, Any], view: str) -> None:
    """Remove a view and its online data; one that is gone is fine.

    Feast removes a view that a feature service names without a word, and the service then fails whoever asks it.

    Raises:
        FeaturesRefused: a feature service names it.
    """
    store = open_store(config)
    with translated(config):
        if (found := _find_view(store, view)) is None:
            return
        for service in store.list_feature_services():
            if view in [projection.name for projection in service.feature_view_projections]:
                raise FeaturesRefused(f"View {view!r} is not dropped: feature service {service.name!r} names it")
        store.apply([], objects_to_delete=[found], partial=False)


def drop_project(config: Mapping[str, Any]) -> None:
    """Remove the services and entities of a project, and the project; one that still has a view is left as it is."""
    store = open_store(config)
    with translated(config):
        if store.list_feature_views():
            return
        left = [*store.list_feature_services(), *store.list_entities()]
        if left:
            store.apply([], objects_to_delete=left, partial=False)
        if any(project.name == store.project for project in store.list_projects()):
            store.delete_project(store.project)


def _find_view(store: feast.FeatureStore, view: str) -> Any | None:
    try:
        return store.get_feature_view(view)
    except feast.errors.FeatureViewNotFoundException:
        return None
