"""Of several events of one entity the latest counts, wherever in an output it stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

Mask = np.ndarray[Any, np.dtype[np.bool_]]


class Events:
    """Gathers entity and event time of each row, 16 bytes a row: a 64-bit hash of the keys, and microseconds."""

    def __init__(self, keys: Sequence[str], times: Sequence[str]) -> None:
        self._keys, self._times = list(keys), list(times)
        self._entities: list[np.ndarray[Any, np.dtype[np.uint64]]] = []
        self._moments: list[np.ndarray[Any, np.dtype[np.int64]]] = []

    def add(self, batch: pa.RecordBatch) -> None:
        """Take the next rows."""
        if not self._keys or not self._times:
            return
        entities = pd.util.hash_pandas_object(batch.select(self._keys).to_pandas(), index=False)
        self._entities.append(np.asarray(entities, dtype=np.uint64))
        moments = batch.column(self._times[0]).cast(pa.timestamp("us", "UTC"), safe=False)
        self._moments.append(moments.cast(pa.int64()).to_numpy(zero_copy_only=False))

    def superseded(self) -> Mask | None:
        """Which rows another row of the same entity replaces, the later of two at one time; None where none is."""
        if not self._entities:
            return None
        entities, moments = np.concatenate(self._entities), np.concatenate(self._moments)
        order = np.lexsort((moments, entities))
        followed = entities[order][1:] == entities[order][:-1]
        if not followed.any():
            return None
        mask = np.zeros(len(entities), dtype=np.bool_)
        mask[order[:-1][followed]] = True
        return mask
