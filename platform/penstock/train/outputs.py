"""Shards of outputs: one Parquet file a write, and beside it what the manifest must know."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from penstock.rundir import storage
from penstock.rundir.digests import digest_chunks
from penstock.train.errors import OutputError

OUTPUTS = "outputs"
SHARDS = "shards"


def feature_table(name: str, data: Any, entity_keys: Sequence[str], timestamp_field: str) -> pa.Table:
    """The rows as a table, event times included."""
    table = _table(data)
    missing = [key for key in entity_keys if key not in table.column_names]
    if missing:
        raise OutputError(f"Output {name!r} lacks the entity key {missing[0]!r}; it has {table.column_names}")
    if timestamp_field not in table.column_names:
        now = pa.scalar(datetime.now(UTC), pa.timestamp("us", "UTC"))
        table = table.append_column(timestamp_field, pa.array([now.as_py()] * table.num_rows, now.type))
    return table


def embedding_table(name: str, ids: Any, vectors: Any, fields: Mapping[str, Any]) -> tuple[pa.Table, int]:
    """The rows as a table with `id` and `vector`, and the dimension."""
    matrix = np.ascontiguousarray(vectors, dtype=np.float32)
    if matrix.ndim != 2:
        raise OutputError(f"Output {name!r}: vectors have shape {matrix.shape}; [rows, dimension] is needed")
    rows, dimension = matrix.shape
    columns = {"id": pa.array(ids), "vector": pa.FixedSizeListArray.from_arrays(matrix.ravel(), dimension)}
    columns |= {field: pa.array(values) for field, values in fields.items()}
    for column, values in columns.items():
        if len(values) != rows:
            raise OutputError(f"Output {name!r}: {column} has {len(values)} rows, and vectors have {rows}")
    return pa.table(columns), dimension


def write_shard(run_uri: str, name: str, rank: int, number: int, table: pa.Table, about: Mapping[str, Any]) -> None:
    """Write one Parquet file, then the note that makes it part of the output."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    content = buffer.getvalue()
    path = f"{OUTPUTS}/{name}/part-{rank:05d}-{number:05d}.parquet"
    storage.replace(storage.join(run_uri, path), content)
    columns = [{"name": f.name, "type": str(f.type), "nullable": f.nullable} for f in table.schema]
    file = {"path": path, "bytes": len(content), "rows": table.num_rows, "digest": digest_chunks([content])}
    write_note(
        run_uri, name, f"{rank:05d}-{number:05d}", {**about, "format": "parquet", "columns": columns, "file": file}
    )


def write_note(run_uri: str, name: str, shard: str, note: Mapping[str, Any]) -> None:
    """Leave what the manifest must know of a file."""
    content = json.dumps({"name": name, **note}, default=str).encode()
    storage.replace(storage.join(run_uri, SHARDS, name, f"{shard}.json"), content)


def read_notes(run_uri: str) -> dict[str, list[dict[str, Any]]]:
    """The notes by output, in the order of ranks and writes."""
    root = storage.join(run_uri, SHARDS)
    return {
        name: [
            json.loads(storage.read_bytes(storage.join(root, name, shard)))
            for shard in storage.names(storage.join(root, name))
        ]
        for name in storage.names(root)
    }


def _table(data: Any) -> pa.Table:
    if isinstance(data, pa.Table):
        return data
    if isinstance(data, Mapping):
        return pa.table({name: pa.array(values) for name, values in data.items()})
    return pa.Table.from_pandas(data, preserve_index=False)
