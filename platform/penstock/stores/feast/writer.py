"""Rows into the online store, whichever Feast is told to use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from penstock.handoff import ViewTarget
from penstock.stores.feast.lean import feast
from penstock.stores.feast.presence import remember_rows
from penstock.stores.feast.store import translated
from penstock.stores.feast.values import to_values

EntityKey = feast.protos.feast.types.EntityKey_pb2.EntityKey
PLACE = "its place"
"""A column beside those of a batch; a space is in the name of none of them."""


class FeastWriter:
    """An `OnlineWriter` over a view that is registered.

    It hands Feast's online store what that takes. Feast's own call for data frames makes floats of whole numbers beside
    a null, refuses a float32 for a Float64, and leaves out, without a word, a frame that has nothing but nulls.
    """

    def __init__(self, store: feast.FeatureStore, target: ViewTarget) -> None:
        """Over a store that no other thread uses.

        Raises:
            FeaturesRefused: there is no such view.
            FeaturesUnreachable: the registry does not answer.
        """
        self._store, self._target = store, target
        with translated(target.config):
            self._view = store.get_feature_view(target.view)

    def write(self, batches: Iterator[pa.RecordBatch]) -> Iterator[int]:
        """Write batches, and say of each how many rows it had; of two rows of one entity the later in time stays.

        Raises:
            FeaturesError: the store does not answer, or refuses.
        """
        for batch in batches:
            if len(batch):
                with translated(self._target.config):
                    provider = self._store._get_provider()
                    provider.online_write_batch(self._store.config, self._view, self._rows(batch), None)
                    remember_rows(self._store, self._target.view)
            yield len(batch)

    def _rows(self, batch: pa.RecordBatch) -> list[tuple[Any, dict[str, Any], Any, None]]:
        target = self._target
        keys = [entity.name for entity in target.entities]
        latest = _latest(batch, keys, target.timestamp_field)
        columns = {f.name: to_values(latest.column(f.name), f.type) for f in (*target.entities, *target.features)}
        events = latest.column(target.timestamp_field).cast(pa.timestamp("us", "UTC"), safe=False).to_pylist()
        names = [feature.name for feature in target.features]
        entities = zip(*(columns[key] for key in keys), strict=True)
        features = zip(*(columns[name] for name in names), strict=True)
        return [
            (EntityKey(join_keys=keys, entity_values=entity), dict(zip(names, values, strict=True)), event, None)
            for entity, values, event in zip(entities, features, events, strict=True)
        ]


def _latest(batch: pa.RecordBatch, keys: list[str], time: str) -> pa.RecordBatch:
    """Of each entity the row of the latest event, and the last of several at one time."""
    places = pa.array(range(len(batch)))
    ordered = pa.table({**{key: batch.column(key) for key in keys}, time: batch.column(time), PLACE: places})
    ordered = ordered.sort_by([(time, "ascending"), (PLACE, "ascending")])
    last = ordered.group_by(keys, use_threads=False).aggregate([(PLACE, "last")])
    return batch.take(last.column(f"{PLACE}_last").combine_chunks())
