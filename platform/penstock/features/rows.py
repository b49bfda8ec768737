"""Rows: written to the online store, and read as a model would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from feast import FeatureStore

from penstock.features.store import translated
from penstock.handoff import ViewTarget


def write_batch(store: FeatureStore, target: ViewTarget, batch: pa.RecordBatch) -> int:
    """Write rows to the online table of a view; of two rows of one entity the later in time stays.

    Returns:
        The number of rows given.
    """
    columns = [field.name for field in (*target.entities, *target.features)]
    frame = batch.select([*columns, target.timestamp_field]).to_pandas()
    keys = [entity.name for entity in target.entities]
    latest = frame.sort_values(target.timestamp_field, kind="stable").drop_duplicates(keys, keep="last")
    with translated(target.config):
        store.write_to_online_store(target.view, df=latest, allow_registry_cache=True)
    return len(frame)


def read_rows(
    store: FeatureStore, view: str, keys: Sequence[Mapping[str, Any]], features: Sequence[str]
) -> list[dict[str, Any] | None]:
    """The features of each entity; None for an entity that has none.

    Args:
        store: an open store.
        view: the view of a run.
        keys: the join keys of each entity.
        features: which features.
    """
    if not keys:
        return []
    names = [f"{view}:{feature}" for feature in features]
    answer = store.get_online_features(features=names, entity_rows=[dict(key) for key in keys]).to_dict()
    rows = [{feature: answer[feature][i] for feature in features} for i in range(len(keys))]
    return [row if any(value is not None for value in row.values()) else None for row in rows]
