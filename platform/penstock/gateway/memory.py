"""An index in memory, built from a run's Parquet: the answers of the store, sooner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import faiss
import numpy as np
import pyarrow as pa

from penstock.api.views import Metric
from penstock.rundir.manifest import OutputManifest
from penstock.rundir.read import iter_batches, verify_files
from penstock.stores.hit import Hit

EXACT_ROWS = 20_000
"""Up to here every row is compared; beyond, a graph (HNSW, https://arxiv.org/abs/1603.09320) is walked."""
LINKS, BUILD_EF, SEARCH_EF = 32, 200, 128


class MemoryIndex:
    """The vectors in FAISS, and the ids and fields of each row as Arrow columns."""

    def __init__(self, run_uri: str, output: OutputManifest, dimension: int, metric: Metric, fields: Sequence[str]):
        """Read the output, its digests checked.

        Raises:
            RunDirError: a file is gone or was altered.
        """
        verify_files(run_uri, output)
        self._metric = metric
        self._index = _index(output.rows, dimension, metric)
        self._dimension = dimension
        kept = []
        for batch in iter_batches(run_uri, output, ["id", "vector", *fields]):
            flat = batch.column("vector").flatten().to_numpy(zero_copy_only=False)
            self._index.add(self._prepared(flat.reshape(-1, dimension)))
            kept.append(batch.select(["id", *fields]))
        self._rows = pa.Table.from_batches(kept).combine_chunks()

    def search(self, vectors: np.ndarray[Any, Any], k: int, fields: Sequence[str]) -> list[list[Hit]]:
        """The k nearest rows of each vector, the nearest first."""
        scores, places = self._index.search(self._prepared(vectors), min(k, self._index.ntotal))
        return [
            self._hits([(place, score) for place, score in zip(*row, strict=True) if place >= 0], fields)
            for row in zip(places.tolist(), scores.tolist(), strict=True)
        ]

    def _hits(self, found: list[tuple[int, float]], fields: Sequence[str]) -> list[Hit]:
        rows = self._rows.select(["id", *fields]).take([place for place, _ in found]).to_pylist()
        return [
            Hit(row["id"], score, {name: row[name] for name in fields})
            for row, (_, score) in zip(rows, found, strict=True)
        ]

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
