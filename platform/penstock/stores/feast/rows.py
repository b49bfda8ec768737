"""Rows: written to the online store, and read as a model would."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa

from penstock.api.views import ValueType
from penstock.handoff import ViewTarget
from penstock.stores.feast.lean import feast
from penstock.stores.feast.presence import remember_rows
from penstock.stores.feast.store import translated

LARGEST_EXACT = 2**53
"""Up to here a float holds every whole number."""
NOT_FOUND = feast.protos.feast.serving.ServingService_pb2.FieldStatus.NOT_FOUND


def write_batch(store: feast.FeatureStore, target: ViewTarget, batch: pa.RecordBatch) -> int:
    """Write rows to the online table of a view; of two rows of one entity the later in time stays.

    Returns:
        The number of rows given.
    """
    columns = [field.name for field in (*target.entities, *target.features)]
    frame = batch.select([*columns, target.timestamp_field]).to_pandas(integer_object_nulls=True)
    keys = [entity.name for entity in target.entities]
    latest = frame.sort_values(target.timestamp_field, kind="stable").drop_duplicates(keys, keep="last")
    with translated(target.config):
        for part in _exact(latest, target):
            store.write_to_online_store(target.view, df=part, allow_registry_cache=True)
        remember_rows(store, target.view)
    return len(frame)


def _exact(frame: pd.DataFrame, target: ViewTarget) -> Iterator[pd.DataFrame]:
    """The rows, but those apart that lack a large whole number: beside a null, Feast makes floats of a column."""
    whole = [field.name for field in target.features if field.type is ValueType.INT64]
    large = [
        name for name in whole if frame[name].dtype == object and frame[name].dropna().map(abs).max() > LARGEST_EXACT
    ]
    if not large:
        yield frame
        return
    for _, part in frame.groupby([frame[name].isna() for name in large]):
        yield part


def read_rows(
    store: feast.FeatureStore,
    view: str,
    keys: Sequence[Mapping[str, Any]],
    features: Sequence[str],
    ttl_seconds: float | None = None,
) -> list[dict[str, Any] | None]:
    """The features of each entity; None for an entity that has none.

    Args:
        store: an open store.
        view: the view of a run.
        keys: the join keys of each entity.
        features: which features.
        ttl_seconds: rows whose event is older have none; Feast itself gives such rows out.
    """
    if not keys:
        return []
    names = [f"{view}:{feature}" for feature in features]
    answer = store.get_online_features(features=names, entity_rows=[dict(key) for key in keys])
    values, (statuses, events) = answer.to_dict(), _first_feature(answer, features)
    oldest = time.time() - ttl_seconds if ttl_seconds else 0
    rows = [{name: values[name][i] for name in features} for i in range(len(keys))]
    return [
        row if status != NOT_FOUND and event.seconds >= oldest and not _blank(row, event) else None
        for row, status, event in zip(rows, statuses, events, strict=True)
    ]


def _blank(row: Mapping[str, Any], event: Any) -> bool:
    """Whether Redis knows nothing of the entity: Feast gives nulls of no time for it, and says that they are there."""
    return not event.seconds and not event.nanos and all(value is None for value in row.values())


def _first_feature(answer: Any, features: Sequence[str]) -> tuple[Sequence[int], Sequence[Any]]:
    """Status and event time of each entity: the features of one view stand in one row, so one tells for all."""
    place = list(answer.proto.metadata.feature_names.val).index(features[0])
    result = answer.proto.results[place]
    return result.statuses, result.event_timestamps
