"""What Feast and Milvus hold, as the ports give it, for a test to compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from penstock.columns.arrow import arrow_type
from penstock.columns.table import ValueType, by_feast
from penstock.handoff import CollectionTarget, ViewTarget
from penstock.stores.feast.reader import FeastReader
from penstock.stores.feast.store import translated
from penstock.stores.feast.writer import FeastWriter
from penstock.stores.milvus.client import connect
from penstock.stores.milvus.reader import MilvusReader
from penstock.stores.milvus.writer import MilvusWriter
from penstock.stores.neighbours import Hit
from penstock.stores.ports import EVENT_TIME


def write_rows(store: Any, target: ViewTarget, batch: pa.RecordBatch) -> None:
    """Write rows to a view."""
    assert list(FeastWriter(store, target).write(iter([batch]))) == [len(batch)]


def read_rows(
    store: Any, view: str, keys: Sequence[Mapping[str, Any]], features: Sequence[str], ttl_seconds: float | None = None
) -> list[dict[str, Any] | None]:
    """The features of each entity; None for an entity that has none. Types are those of the registry."""
    with translated({"project": store.project}):
        found = store.get_feature_view(view)
    types = {field.name: by_feast(str(field.dtype)) for field in (*found.entity_columns, *found.features)}
    known = {name: type_ for name, type_ in types.items() if type_ is not None}
    schema = pa.schema([(field.name, arrow_type(known[field.name])) for field in found.entity_columns])
    asked = pa.RecordBatch.from_pylist([dict(key) for key in keys], schema)
    answer = FeastReader(store, view, known, ttl_seconds).read(asked, features)
    there = answer.column(EVENT_TIME).is_valid().to_pylist()
    rows = answer.select(list(features)).to_pylist()
    return [row if one else None for row, one in zip(rows, there, strict=True)]


def count_rows(target: CollectionTarget, collection: str = "") -> int:
    """The rows of a target's collection, or of another one beside it."""
    with connect(target.connection) as client:
        return MilvusWriter(client, target.model_copy(update={"collection": collection or target.collection})).count()


def search_rows(
    target: CollectionTarget, vectors: Any, k: int, fields: Mapping[str, ValueType], name: str = ""
) -> list[list[Hit]]:
    """The hits of each vector in a target's collection, or under another name."""
    with connect(target.connection) as client:
        reader = MilvusReader(client, target.connection, name or target.collection, target.metric, fields, fresh=True)
        return reader.search(vectors, k, tuple(fields)).hits()
