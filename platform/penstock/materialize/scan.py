"""One pass over the rows of an output, a batch at a time: what no schema tells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penstock.columns.table import ID_BYTES, TEXT_BYTES, ValueType
from penstock.materialize.columns import typed_batches
from penstock.materialize.errors import InvalidOutput
from penstock.materialize.events import Events
from penstock.rundir.errors import RunDirError
from penstock.rundir.manifest import OutputManifest

SAMPLE_ROWS = 4096


@dataclass
class Scan:
    """What a pass found.

    Attributes:
        rows: how many there are.
        nulls: nulls and NaNs by column.
        samples: values of numeric columns, evenly taken over the whole output.
        centroid: the mean vector of embeddings.
        superseded: of features, which rows a later event of the same entity replaces; None where none is.
    """

    rows: int = 0
    nulls: dict[str, int] = field(default_factory=dict)
    samples: dict[str, np.ndarray[Any, Any]] = field(default_factory=dict)
    centroid: np.ndarray[Any, Any] | None = None
    superseded: np.ndarray[Any, np.dtype[np.bool_]] | None = None

    def joined(self, other: Scan) -> Scan:
        """With what another scan of the same output found in other columns."""
        return replace(self, nulls=self.nulls | other.nulls, samples=self.samples | other.samples)


def scan_features(
    run_uri: str,
    output: OutputManifest,
    keys: Mapping[str, ValueType],
    columns: Mapping[str, ValueType],
    times: Sequence[str] = (),
) -> Scan:
    """Scan an output of features.

    Args:
        run_uri: the run.
        output: the output.
        keys: the entity keys.
        columns: the features.
        times: the columns of event times.

    Raises:
        InvalidOutput: an entity key or an event time is null, a feature is infinite, or a file cannot be read.
    """
    found = Scan(nulls=dict.fromkeys(columns, 0))
    parts: dict[str, list[np.ndarray[Any, Any]]] = {}
    events = Events(list(keys), times)
    every = max(output.rows // SAMPLE_ROWS, 1)
    required = dict.fromkeys(keys, "entity key") | dict.fromkeys(times, "event time")
    for batch in _batches(run_uri, output, {**keys, **columns}, times):
        for name, what in required.items():
            if batch.column(name).null_count:
                row = found.rows + pc.index(pc.is_null(batch.column(name)), True).as_py()
                raise InvalidOutput(f"Output {output.name!r}: {what} {name!r} is null in row {row}")
        for name in columns:
            column = batch.column(name)
            found.nulls[name] += column.null_count
            _check_finite(output, name, column, found.rows)
            if columns[name].row.python in (int, float):
                values = np.asarray(column.drop_null().to_numpy(zero_copy_only=False), dtype=np.float64)
                parts.setdefault(name, []).append(values[::every])
        events.add(batch)
        found.rows += batch.num_rows
    found.samples = {name: np.concatenate(values) for name, values in parts.items()}
    found.superseded = events.superseded()
    return found


def scan_embeddings(run_uri: str, output: OutputManifest, dimension: int, types: Mapping[str, ValueType]) -> Scan:
    """Scan an output of embeddings.

    Args:
        run_uri: the run.
        output: the output.
        dimension: of its vectors.
        types: of `id` and of the scalar fields.

    Raises:
        InvalidOutput: an id is null or stands twice, a text is longer than a collection takes, a vector has a NaN, an
            infinity or another dimension, a scalar is infinite, or a file cannot be read.
    """
    fields = [name for name in types if name != "id"]
    found = Scan(nulls=dict.fromkeys(fields, 0))
    total = np.zeros(dimension)
    seen: set[Any] = set()
    for batch in _batches(run_uri, output, types, ["id", "vector"]):
        _check_ids(output, batch.column("id").to_pylist(), seen)
        for name, limit in {"id": ID_BYTES, **dict.fromkeys(fields, TEXT_BYTES)}.items():
            _check_length(output, batch, name, limit)
        vectors = vectors_of(output, batch, dimension)
        broken = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
        if len(broken):
            bad = batch.column("id")[int(broken[0])].as_py()
            raise InvalidOutput(f"Output {output.name!r}: the vector of id {bad!r} holds NaN or infinity")
        for name in fields:
            found.nulls[name] += batch.column(name).null_count
            _check_finite(output, name, batch.column(name), found.rows)
        total += vectors.sum(axis=0)
        found.rows += batch.num_rows
    found.centroid = total / max(found.rows, 1)
    return found


def vectors_of(output: OutputManifest, batch: pa.RecordBatch, dimension: int) -> np.ndarray[Any, Any]:
    """The vectors of a batch as `[rows, dimension]`.

    Raises:
        InvalidOutput: a vector is null or of another dimension.
    """
    column = batch.column("vector")
    lengths = pc.list_value_length(column)
    odd = pc.index(pc.fill_null(pc.not_equal(lengths, dimension), True), True).as_py()
    if odd >= 0:
        bad, length = batch.column("id")[odd].as_py(), lengths[odd].as_py()
        raise InvalidOutput(f"Output {output.name!r}: the vector of id {bad!r} has dimension {length}, not {dimension}")
    flat = np.asarray(column.flatten().to_numpy(zero_copy_only=False), dtype=np.float32)
    return flat.reshape(-1, dimension)


def _batches(
    run_uri: str, output: OutputManifest, types: Mapping[str, ValueType], others: Sequence[str] = ()
) -> Iterator[pa.RecordBatch]:
    try:
        yield from typed_batches(run_uri, output, types, others)
    except RunDirError as error:
        raise InvalidOutput(str(error)) from error


def _check_ids(output: OutputManifest, ids: list[Any], seen: set[Any]) -> None:
    for id_ in ids:
        if id_ is None:
            raise InvalidOutput(f"Output {output.name!r}: an id is null")
        if id_ in seen:
            raise InvalidOutput(f"Output {output.name!r}: id {id_!r} stands twice")
        seen.add(id_)


def _check_length(output: OutputManifest, batch: pa.RecordBatch, name: str, limit: int) -> None:
    column = batch.column(name)
    if not pa.types.is_string(column.type):
        return
    lengths = pc.binary_length(column)
    long = pc.index(pc.fill_null(pc.greater(lengths, limit), False), True).as_py()
    if long >= 0:
        bad, length = batch.column("id")[long].as_py(), lengths[long].as_py()
        raise InvalidOutput(
            f"Output {output.name!r}: column {name!r} of id {bad!r} has {length} bytes; {limit} is the limit"
        )


def _check_finite(output: OutputManifest, name: str, column: pa.Array, start: int) -> None:
    """No JSON holds an infinity, and Milvus takes none."""
    if not pa.types.is_floating(column.type):
        return
    place = pc.index(pc.fill_null(pc.is_inf(column), False), True).as_py()
    if place >= 0:
        raise InvalidOutput(f"Output {output.name!r}: column {name!r} is infinite in row {start + place}")
