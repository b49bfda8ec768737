"""A collection for each run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from pymilvus import DataType, MilvusClient

from penstock.api.views import IndexType
from penstock.columns.table import ID_BYTES, ValueType
from penstock.handoff import CollectionTarget
from penstock.stores.milvus.client import translated
from penstock.stores.milvus.metrics import METRICS

INDEXES = {IndexType.FLAT: "FLAT", IndexType.HNSW: "HNSW", IndexType.IVF_FLAT: "IVF_FLAT"}
INDEX_PARAMS: dict[IndexType, dict[str, Any]] = {
    IndexType.FLAT: {},
    IndexType.HNSW: {"M": 16, "efConstruction": 200},
    IndexType.IVF_FLAT: {"nlist": 128},
}


class MilvusWriter:
    """A `VectorWriter`. Every call raises VectorsUnreachable, or VectorsRefused."""

    def __init__(self, client: MilvusClient, target: CollectionTarget) -> None:
        self._client, self._target = client, target

    def prepare(self, id_type: ValueType) -> bool:
        """Create the collection, `id`, `vector` and the scalar fields; one that is there keeps its rows.

        It is loaded at once, with a flat index where it has none: a server counts and searches only what is loaded.

        Returns:
            Whether there was none.
        """
        client, name = self._client, self._target.collection
        with translated(self._target.connection):
            new = not client.has_collection(name)
            if new:
                # A collection of a run never changes once it serves, so no reader has to wait for what was written
                # last.
                client.create_collection(name, schema=self._schema(id_type), consistency_level="Eventually")
            if not client.list_indexes(name):
                client.create_index(name, self._index_params(IndexType.FLAT))
            client.load_collection(name)
        return new

    def write(self, batches: Iterator[pa.RecordBatch]) -> Iterator[int]:
        """Write batches, and say of each how many rows it had; a row that is there is replaced."""
        columns = ["id", "vector", *(field.name for field in self._target.scalar_fields)]
        for batch in batches:
            with translated(self._target.connection):
                self._client.upsert(self._target.collection, batch.select(columns).to_pylist())
            yield len(batch)

    def index(self, index: IndexType) -> None:
        """Index the vectors and load the collection; an index of another kind is replaced."""
        client, name = self._client, self._target.collection
        with translated(self._target.connection):
            client.flush(name)
            known = client.describe_index(name, "vector") if client.list_indexes(name) else {}
            if known.get("index_type") != INDEXES[index]:
                if known:
                    client.release_collection(name)
                    client.drop_index(name, "vector")
                client.create_index(name, self._index_params(index))
            client.load_collection(name)

    def count(self) -> int:
        """The number of rows, exactly."""
        with translated(self._target.connection):
            found = self._client.query(
                self._target.collection, filter="", output_fields=["count(*)"], consistency_level="Strong"
            )
        return int(found[0]["count(*)"])

    def _schema(self, id_type: ValueType) -> Any:
        schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
        bound = {"max_length": ID_BYTES} if id_type is ValueType.STRING else {}
        schema.add_field("id", DataType[id_type.row.milvus], is_primary=True, **bound)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=self._target.dimension)
        for field in self._target.scalar_fields:
            row = field.type.row
            schema.add_field(field.name, DataType[row.milvus], nullable=True, **row.milvus_params)
        return schema

    def _index_params(self, index: IndexType) -> Any:
        wanted = self._client.prepare_index_params()
        wanted.add_index(
            field_name="vector",
            index_name="vector",
            index_type=INDEXES[index],
            metric_type=METRICS[self._target.metric],
            params=INDEX_PARAMS[index],
        )
        return wanted
