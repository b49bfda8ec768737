"""One feature view for each run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from penstock.columns.table import ValueType
from penstock.handoff import ViewTarget
from penstock.stores.feast.errors import FeaturesRefused
from penstock.stores.feast.lean import feast
from penstock.stores.feast.ours import TAGS
from penstock.stores.feast.store import translated


def register_view(store: feast.FeatureStore, target: ViewTarget, parquet: str) -> bool:
    """Register the entities and the view of a run, and make its online table; a repetition changes nothing.

    Entities that are there are left as they are: they may be somebody else's, or of another view.

    Args:
        store: an open store.
        target: the view.
        parquet: where the run's Parquet files are: the view's offline source.

    Returns:
        Whether there was no such view before: then it has no rows.

    Raises:
        FeaturesRefused: an entity of such a name is there, and joins by a column of another one.
    """
    entities = [
        feast.Entity(
            name=entity.name, join_keys=[entity.name], value_type=feast_type(entity.type).to_value_type(), tags=TAGS
        )
        for entity in target.entities
    ]
    # A name of its own: two views of one output would share the source, and the first to be dropped would take it.
    source = feast.FileSource(name=target.view, path=parquet, timestamp_field=target.timestamp_field, tags=TAGS)
    view = feast.FeatureView(
        name=target.view,
        entities=entities,
        ttl=timedelta(seconds=target.ttl_seconds or 0),
        schema=[
            feast.Field(name=field.name, dtype=feast_type(field.type)) for field in (*target.entities, *target.features)
        ],
        source=source,
        online=True,
        tags=TAGS,
    )
    with translated(target.config):
        new = find_view(store, target.view) is None
        store.apply([*_missing(store, entities), view])
    return new


def feast_type(type_: ValueType) -> Any:
    """What Feast calls a type."""
    return getattr(feast.types, type_.row.feast)


def find_view(store: feast.FeatureStore, view: str) -> Any | None:
    """The view as the registry has it, or None; use it within `translated`."""
    try:
        return store.get_feature_view(view)
    except feast.errors.FeatureViewNotFoundException:
        return None


def _missing(store: feast.FeatureStore, entities: Sequence[Any]) -> list[Any]:
    known = {entity.name: entity for entity in store.list_entities()}
    for entity in entities:
        found = known.get(entity.name)
        if found is not None and found.join_key != entity.join_key:
            raise FeaturesRefused(
                f"Feast project {store.project!r}: entity {entity.name!r} joins by {found.join_key!r}, "
                f"and a view needs one that joins by {entity.join_key!r}: rename one of them"
            )
    return [entity for entity in entities if entity.name not in known]
