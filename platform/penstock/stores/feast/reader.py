"""Rows out of the online store, by the call that every user of Feast makes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from penstock.columns.table import ValueType
from penstock.stores.feast.lean import feast
from penstock.stores.feast.store import translated
from penstock.stores.feast.values import to_column
from penstock.stores.ports import EVENT_TIME

NOT_FOUND = feast.protos.feast.serving.ServingService_pb2.FieldStatus.NOT_FOUND


class FeastReader:
    """An `OnlineReader` over a view."""

    def __init__(
        self,
        store: feast.FeatureStore,
        view: str,
        types: Mapping[str, ValueType],
        ttl_seconds: float | None = None,
    ) -> None:
        """Over a store that no other thread uses.

        Args:
            store: an open store.
            view: the view of a run.
            types: of its features.
            ttl_seconds: rows whose event is older count as none; Feast itself gives such rows out.
        """
        self._store, self._view, self._types, self._ttl = store, view, types, ttl_seconds

    def read(self, keys: pa.RecordBatch, features: Sequence[str]) -> pa.RecordBatch:
        """A row for each row of keys: the features, and `EVENT_TIME`, null where the entity has no row.

        Raises:
            FeaturesError: the store does not answer, or refuses.
        """
        if not len(keys):
            types = [(name, self._types[name]) for name in features]
            return _answer({name: to_column((), type_) for name, type_ in types}, [])
        with translated(self._store.config.model_dump(include={"project"})):
            answer = self._store.get_online_features(
                features=[f"{self._view}:{name}" for name in features], entity_rows=keys.to_pylist()
            ).proto
        results = dict(zip(answer.metadata.feature_names.val, answer.results, strict=True))
        columns = {name: to_column(results[name].values, self._types[name]) for name in features}
        # The features of one view stand in one row, so one tells for all.
        first = results[features[0]]
        blank = np.logical_and.reduce([column.is_null().to_numpy(zero_copy_only=False) for column in columns.values()])
        oldest = time.time() - self._ttl if self._ttl else float("-inf")
        events = [
            _moment(event, oldest, nothing) if status != NOT_FOUND else None
            for status, event, nothing in zip(first.statuses, first.event_timestamps, blank, strict=True)
        ]
        return _answer(columns, events)


def _moment(event: Any, oldest: float, blank: bool) -> int | None:
    """Microseconds; None for what is too old, or what Redis knows nothing of: Feast gives nulls of no time for it."""
    moment = event.seconds * 1_000_000 + event.nanos // 1000
    return None if event.seconds < oldest or (blank and not moment) else moment


def _answer(columns: Mapping[str, pa.Array], events: Sequence[int | None]) -> pa.RecordBatch:
    there = pa.array([event is not None for event in events], pa.bool_())
    known = {name: pa.compute.if_else(there, column, None) for name, column in columns.items()}
    return pa.RecordBatch.from_pydict({**known, EVENT_TIME: pa.array(events, pa.timestamp("us", "UTC"))})
