"""See through the public read path that what was written can be read, and choose the index by its recall."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from penstock.api.quantities import number
from penstock.api.views import IndexType
from penstock.columns.arrow import arrow_type
from penstock.handoff import CollectionTarget, StagingSpec, ViewTarget
from penstock.materialize.columns import typed_batches, types_of
from penstock.materialize.scan import Scan, vectors_of
from penstock.rundir.manifest import OutputManifest
from penstock.rundir.read import iter_batches
from penstock.stores.feast.reader import FeastReader
from penstock.stores.feast.store import open_store
from penstock.stores.memory.exact import exact_neighbours, recall
from penstock.stores.ports import OnlineReader, VectorReader, VectorWriter

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
    types, keys = types_of(target), [entity.name for entity in target.entities]
    features = {feature.name: feature.type for feature in target.features}
    schema = pa.schema([(name, arrow_type(type_)) for name, type_ in types.items()])
    expected = [row for row in _sampled(spec, target, output, scan) if not _expired(row, target)]
    written = pa.RecordBatch.from_pylist(expected, schema)
    reader: OnlineReader = FeastReader(open_store(target.config), target.view, features, target.ttl_seconds)
    found = reader.read(written.select(keys), list(features))
    for name in features:
        for key, value, given in zip(
            written.select(keys).to_pylist(),
            written.column(name).to_pylist(),
            found.column(name).to_pylist(),
            strict=True,
        ):
            if value != given:
                raise VerificationFailed(
                    f"Feast view {target.view!r} gives {name} {given!r} of entity {key}, and {value!r} was written"
                )


def _sampled(spec: StagingSpec, target: ViewTarget, output: OutputManifest, scan: Scan) -> Iterator[dict[str, Any]]:
    """Rows evenly over the whole output, but for those that a later event replaced."""
    live = np.arange(scan.rows) if scan.superseded is None else np.flatnonzero(~scan.superseded)
    wanted = live[np.linspace(0, len(live) - 1, min(SAMPLE, len(live)), dtype=np.int64)]
    start = 0
    for batch in typed_batches(spec.run_uri, output, types_of(target), [target.timestamp_field]):
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


class CollectionCheck:
    """Questions about a loaded collection, answered by its index and by exact search over the run's Parquet."""

    def __init__(
        self,
        spec: StagingSpec,
        writer: VectorWriter,
        reader: VectorReader,
        target: CollectionTarget,
        output: OutputManifest,
    ) -> None:
        self._spec, self._writer, self._reader = spec, writer, reader
        self._target, self._output = target, output

    def check_count(self) -> None:
        """Compare the number of rows.

        Raises:
            VerificationFailed: it is not the manifest's.
        """
        found = self._writer.count()
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
            self._writer.index(candidate)
            measured = self.recall(K, SAMPLE)
            if measured >= number(wanted.recall_target) or candidate is candidates[-1]:
                break
        return candidate, measured

    def recall(self, k: int, sample: int) -> float:
        """The recall at k of the index on sampled rows."""
        queries = self._sample(sample)
        k = min(k, self._output.rows)
        truth = exact_neighbours(queries, self._batches(), k, self._target.metric)
        return recall(self._reader.search(queries, k).ids(), truth)

    def neighbours(self, ids: Sequence[Any], k: int) -> list[list[Any]]:
        """The nearest neighbours, by the index, of stored rows; none for an id that is not stored."""
        wanted = {str(id_) for id_ in ids}
        vectors: dict[str, np.ndarray[Any, Any]] = {}
        for stored, rows in self._batches():
            vectors |= {str(id_): row for id_, row in zip(stored, rows, strict=True) if str(id_) in wanted}
        known = [str(id_) for id_ in ids if str(id_) in vectors]
        if not known:
            return [[] for _ in ids]
        found = dict(zip(known, self._reader.search(np.stack([vectors[id_] for id_ in known]), k).ids(), strict=True))
        return [found.get(str(id_), []) for id_ in ids]

    def _sample(self, size: int) -> np.ndarray[Any, Any]:
        every = max(self._output.rows // size, 1)
        taken = [rows[::every] for _, rows in self._batches()]
        return np.concatenate(taken)[:size]

    def _batches(self) -> Iterator[tuple[list[Any], np.ndarray[Any, Any]]]:
        for batch in iter_batches(self._spec.run_uri, self._output, ["id", "vector"]):
            yield batch.column("id").to_pylist(), vectors_of(self._output, batch, self._target.dimension)
