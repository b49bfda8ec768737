"""Collections: one for each run."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from pymilvus import DataType, MilvusClient

from penstock.api.views import IndexType, Metric, ValueType
from penstock.handoff import CollectionTarget

SCALARS = {
    ValueType.INT32: DataType.INT32,
    ValueType.INT64: DataType.INT64,
    ValueType.FLOAT32: DataType.FLOAT,
    ValueType.FLOAT64: DataType.DOUBLE,
    ValueType.STRING: DataType.VARCHAR,
    ValueType.BOOL: DataType.BOOL,
}
METRICS = {Metric.COSINE: "COSINE", Metric.INNER_PRODUCT: "IP", Metric.L2: "L2"}
INDEXES = {IndexType.FLAT: "FLAT", IndexType.HNSW: "HNSW", IndexType.IVF_FLAT: "IVF_FLAT"}
INDEX_PARAMS: dict[IndexType, dict[str, Any]] = {
    IndexType.FLAT: {},
    IndexType.HNSW: {"M": 16, "efConstruction": 200},
    IndexType.IVF_FLAT: {"nlist": 128},
}
MAX_TEXT = 4096
MAX_ID = 256


def create_collection(client: MilvusClient, target: CollectionTarget, id_type: pa.DataType) -> None:
    """Create the collection of a run, `id`, `vector` and the scalar fields; one that is there keeps its rows.

    It is loaded at once, with a flat index where it has none: a server counts and searches only what is loaded.
    """
    if not client.has_collection(target.collection):
        # A collection of a run never changes once it serves, so no reader has to wait for what was written last.
        schema = _schema(client, target, id_type)
        client.create_collection(target.collection, schema=schema, consistency_level="Eventually")
    if not client.list_indexes(target.collection):
        client.create_index(target.collection, _index_params(client, target, IndexType.FLAT))
    client.load_collection(target.collection)


def _schema(client: MilvusClient, target: CollectionTarget, id_type: pa.DataType) -> Any:
    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    if pa.types.is_integer(id_type):
        schema.add_field("id", DataType.INT64, is_primary=True)
    else:
        schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=MAX_ID)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=target.dimension)
    for field in target.scalar_fields:
        extra = {"max_length": MAX_TEXT} if field.type is ValueType.STRING else {}
        schema.add_field(field.name, SCALARS[field.type], nullable=True, **extra)
    return schema


def upsert(client: MilvusClient, target: CollectionTarget, batch: pa.RecordBatch) -> int:
    """Write rows; a row that is there is replaced. Returns the number of rows."""
    columns = ["id", "vector", *(field.name for field in target.scalar_fields)]
    client.upsert(target.collection, batch.select(columns).to_pylist())
    return int(batch.num_rows)


def build_index(client: MilvusClient, target: CollectionTarget, index: IndexType) -> None:
    """Index the vectors and load the collection; an index of another kind is replaced."""
    client.flush(target.collection)
    known = client.describe_index(target.collection, "vector") if client.list_indexes(target.collection) else {}
    if known.get("index_type") != INDEXES[index]:
        if known:
            client.release_collection(target.collection)
            client.drop_index(target.collection, "vector")
        client.create_index(target.collection, _index_params(client, target, index))
    client.load_collection(target.collection)


def _index_params(client: MilvusClient, target: CollectionTarget, index: IndexType) -> Any:
    wanted = client.prepare_index_params()
    wanted.add_index(
        field_name="vector",
        index_name="vector",
        index_type=INDEXES[index],
        metric_type=METRICS[target.metric],
        params=INDEX_PARAMS[index],
    )
    return wanted


def count(client: MilvusClient, collection: str) -> int:
    """The number of rows, exactly."""
    found = client.query(collection, filter="", output_fields=["count(*)"], consistency_level="Strong")
    return int(found[0]["count(*)"])
