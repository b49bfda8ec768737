"""An index in memory, built from a run's Parquet: the answers of the store, sooner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import faiss
import numpy as np
import pyarrow as pa

from penstock.api.views import Metric
from penstock.columns.arrow import canonical
from penstock.columns.table import ValueType, id_type
from penstock.rundir.manifest import OutputManifest
from penstock.rundir.read import iter_batches, verify_files
from penstock.stores.neighbours import Neighbours

EXACT_ROWS = 20_000
"""Up to here every row is compared; beyond, a graph (HNSW, https://arxiv.org/abs/1603.09320) is walked."""
LINKS, BUILD_EF, SEARCH_EF = 32, 200, 128


class MemoryIndex:
    """A `VectorReader`: the vectors in FAISS, and the ids and fields of each row as Arrow columns."""

    def __init__(
        self, run_uri: str, output: OutputManifest, dimension: int, metric: Metric, fields: Mapping[str, ValueType]
    ) -> None:
        """Read the output, its digests checked.

        Raises:
            RunDirError: a file is gone or was altered.
        """
        verify_files(run_uri, output)
        self.fields = dict(fields)
        self._metric = metric
        self._index = _index(output.rows, dimension, metric)
        ids = {column.name: id_type(column.type) for column in output.columns if column.name == "id"}
        types = {name: type_ for name, type_ in {**ids, **fields}.items() if type_ is not None}
        kept = []
        for written in iter_batches(run_uri, output, ["id", "vector", *fields]):
            batch = canonical(written, types)
            flat = batch.column("vector").flatten().to_numpy(zero_copy_only=False)
            self._index.add(self._prepared(flat.reshape(-1, dimension)))
            kept.append(batch.select(["id", *fields]))
        self._rows = pa.Table.from_batches(kept).combine_chunks()

    def search(self, vectors: np.ndarray[Any, Any], k: int, fields: Sequence[str] = (), where: str = "") -> Neighbours:
        """The k nearest rows of each vector, the nearest first.

        Raises:
            ValueError: there is a filter, which only the store can apply.
        """
        if where:
            raise ValueError("An index in memory has no filters")
        scores, places = self._index.search(self._prepared(vectors), min(k, self._index.ntotal))
        found = places >= 0
        rows = self._rows.select(["id", *fields]).take(pa.array(places[found])).combine_chunks()
        columns = {name: rows.column(name).combine_chunks() for name in fields}
        return Neighbours.of(rows.column("id").combine_chunks(), scores[found], columns, found.sum(axis=1))

    def _prepared(self, vectors: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.float32]]:
        rows = np.array(vectors, dtype=np.float32, order="C")
        if self._metric is Metric.COSINE:
            faiss.normalize_L2(rows)
        return rows


def _index(rows: int, dimension: int, metric: Metric) -> Any:
    kind = faiss.METRIC_L2 if metric is Metric.L2 else faiss.METRIC_INNER_PRODUCT
    if rows <= EXACT_ROWS:
        return faiss.IndexFlat(dimension, kind)
    index = faiss.IndexHNSWFlat(dimension, LINKS, kind)
    index.hnsw.efConstruction, index.hnsw.efSearch = BUILD_EF, SEARCH_EF
    return index
