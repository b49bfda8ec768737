"""See through the public read path that what was written can be read, and choose the index by its recall."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from pymilvus import MilvusClient

from penstock.api.quantities import number
from penstock.api.views import IndexType
from penstock.handoff import CollectionTarget, StagingSpec, ViewTarget
from penstock.materialize.scan import Scan, vectors_of
from penstock.rundir.manifest import OutputManifest
from penstock.rundir.read import iter_batches
from penstock.stores.exact import exact_neighbours, recall
from penstock.stores.feast.rows import read_rows
from penstock.stores.feast.store import open_store, translated
from penstock.stores.milvus.collections import build_index, count
from penstock.stores.milvus.search import search

SAMPLE = 64
TTL_MARGIN_SECONDS = 60
K = 10
FEW_ROWS = 10_000
"""Below this a flat index answers quickly, and exactly."""


class VerificationFailed(Exception):
    """A store does not give back what was written to it; the staging may be tried again."""


def verify_view(spec: StagingSpec, target: ViewTarget, output: OutputManifest, scan: Scan) -> None:
    """Read sampled rows back, and compare every feature.

    Raises:
        VerificationFailed: one of them is not what was written.
        FeaturesError: the store does not answer.
    """
    keys, names = [entity.name for entity in target.entities], [feature.name for feature in target.features]
    expected = [row for row in _sampled(spec, target, output, scan) if not _expired(row, target)]
    asked = [{key: row[key] for key in keys} for row in expected]
    with translated(target.config):
        found = read_rows(open_store(target.config), target.view, asked, names, target.ttl_seconds)
    for key, row, given in zip(asked, expected, found, strict=True):
        for name in names:
            value = given[name] if given is not None else None
            if not _same(row[name], value):
                raise VerificationFailed(
                    f"Feast view {target.view!r} gives {name} {value!r} of entity {key}, and {row[name]!r} was written"
                )


def _sampled(spec: StagingSpec, target: ViewTarget, output: OutputManifest, scan: Scan) -> Iterator[dict[str, Any]]:
    """Rows evenly over the whole output, but for those that a later event replaced."""
    columns = [*(field.name for field in (*target.entities, *target.features)), target.timestamp_field]
    rows = np.arange(scan.rows) if scan.superseded is None else np.flatnonzero(~scan.superseded)
    wanted = rows[np.linspace(0, len(rows) - 1, min(SAMPLE, len(rows)), dtype=np.int64)]
    start = 0
    for batch in iter_batches(spec.run_uri, output, columns):
        here = wanted[(wanted >= start) & (wanted < start + len(batch))] - start
        yield from batch.take(pa.array(here)).to_pylist()
        start += len(batch)


def _expired(row: dict[str, Any], target: ViewTarget) -> bool:
    """Whether Feast gives no features of it any more, or will not before it is asked."""
    if target.ttl_seconds is None:
        return False
    moment = row[target.timestamp_field]
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return bool(aware + timedelta(seconds=target.ttl_seconds - TTL_MARGIN_SECONDS) < datetime.now(UTC))


def _same(written: Any, read: Any) -> bool:
    if isinstance(written, float) and isinstance(read, float):
        return math.isclose(written, read, rel_tol=1e-6) or (math.isnan(written) and math.isnan(read))
    if written is None or (isinstance(written, float) and math.isnan(written)):
        return read is None or (isinstance(read, float) and math.isnan(read))
    return bool(written == read)


class CollectionCheck:
    """Questions about a loaded collection, answered by its index and by exact search over the run's Parquet."""

    def __init__(
        self, spec: StagingSpec, client: MilvusClient, target: CollectionTarget, output: OutputManifest
    ) -> None:
        self._spec, self._client, self._target, self._output = spec, client, target, output

    def check_count(self) -> None:
        """Compare the number of rows.

        Raises:
            VerificationFailed: it is not the manifest's.
        """
        found = count(self._client, self._target.collection)
        if found != self._output.rows:
            raise VerificationFailed(
                f"Collection {self._target.collection!r} has {found} rows, and the run has {self._output.rows}"
            )

    def choose_index(self) -> tuple[IndexType, float]:
        """Build the index that the spec names, or for Auto the first candidate that reaches the target recall."""
        wanted = self._target.index
        candidates = [wanted.type]
        if wanted.type is IndexType.AUTO:
            small = self._output.rows <= FEW_ROWS
            candidates = [IndexType.FLAT] if small else [IndexType.HNSW, IndexType.IVF_FLAT, IndexType.FLAT]
        measured = 0.0
        for candidate in candidates:
            build_index(self._client, self._target, candidate)
            measured = self.recall(K, SAMPLE)
            if measured >= number(wanted.recall_target) or candidate is candidates[-1]:
                break
        return candidate, measured

    def recall(self, k: int, sample: int) -> float:
        """The recall at k of the index on sampled rows."""
        queries = self._sample(sample)
        k = min(k, self._output.rows)
        truth = exact_neighbours(queries, self._batches(), k, self._target.metric)
        return recall(self._ids(queries, k), truth)

    def neighbours(self, ids: Sequence[Any], k: int) -> list[list[Any]]:
        """The nearest neighbours, by the index, of stored rows; none for an id that is not stored."""
        wanted = {str(id_) for id_ in ids}
        vectors: dict[str, np.ndarray[Any, Any]] = {}
        for stored, rows in self._batches():
            vectors |= {str(id_): row for id_, row in zip(stored, rows, strict=True) if str(id_) in wanted}
        return [self._ids(vectors[str(id_)][None, :], k)[0] if str(id_) in vectors else [] for id_ in ids]

    def _ids(self, queries: np.ndarray[Any, Any], k: int) -> list[list[Any]]:
        hits = search(self._client, self._target.collection, queries, k, metric=self._target.metric, fresh=True)
        return [[hit.id for hit in found] for found in hits]

    def _sample(self, size: int) -> np.ndarray[Any, Any]:
        every = max(self._output.rows // size, 1)
        taken = [rows[::every] for _, rows in self._batches()]
        return np.concatenate(taken)[:size]

    def _batches(self) -> Iterator[tuple[list[Any], np.ndarray[Any, Any]]]:
        for batch in iter_batches(self._spec.run_uri, self._output, ["id", "vector"]):
            yield batch.column("id").to_pylist(), vectors_of(self._output, batch, self._target.dimension)
