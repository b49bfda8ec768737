"""Search in a collection, as anybody's Milvus client would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from pymilvus import MilvusClient

from penstock.api.views import Metric
from penstock.columns.arrow import arrow_type
from penstock.columns.table import ValueType, by_milvus
from penstock.handoff import MilvusConnection
from penstock.stores.milvus.client import translated
from penstock.stores.milvus.metrics import METRICS
from penstock.stores.neighbours import Neighbours

SEARCH_EF = 64
SEARCH_PROBES = 16


class MilvusReader:
    """A `VectorReader` over a collection. Every call raises VectorsUnreachable, or VectorsRefused."""

    def __init__(
        self,
        client: MilvusClient,
        connection: MilvusConnection,
        collection: str,
        metric: Metric,
        fields: Mapping[str, ValueType],
        *,
        fresh: bool = False,
    ) -> None:
        """Over an open client.

        Args:
            client: which threads may share.
            connection: to where.
            collection: or an alias.
            metric: the collection's.
            fields: the scalar fields that hits can have.
            fresh: whether to wait for rows that were written just now; the collection of a staged run has none.
        """
        self.fields = dict(fields)
        self._client, self._connection, self._collection = client, connection, collection
        self._metric, self._consistency = metric, "Strong" if fresh else "Eventually"

    def search(self, vectors: np.ndarray[Any, Any], k: int, fields: Sequence[str] = (), where: str = "") -> Neighbours:
        """The k nearest rows of each vector, the nearest first; `where` is a filter as Milvus writes them."""
        params = {"ef": max(SEARCH_EF, k), "nprobe": SEARCH_PROBES}
        with translated(self._connection):
            found = self._client.search(
                self._collection,
                data=np.asarray(vectors, dtype=np.float32).tolist(),
                limit=k,
                filter=where,
                # With no fields named, Milvus Lite gives them all, the vector too.
                output_fields=list(fields) or ["id"],
                anns_field="vector",
                timeout=self._connection.timeout_seconds,
                consistency_level=self._consistency,
                search_params={"metric_type": METRICS[self._metric], "params": params},
            )
        hits = [hit for of_query in found for hit in of_query]
        types = {name: arrow_type(self.fields[name]) for name in fields}
        columns = {name: pa.array([hit["entity"][name] for hit in hits], type_) for name, type_ in types.items()}
        return Neighbours.of(
            pa.array([hit["id"] for hit in hits]), [float(hit["distance"]) for hit in hits], columns, map(len, found)
        )


def scalar_fields(client: MilvusClient, connection: MilvusConnection, collection: str) -> dict[str, ValueType]:
    """The scalar fields that a collection has, and their types: a run may have written more columns.

    Raises:
        VectorsError: Milvus does not answer, or has no such collection.
    """
    with translated(connection):
        found = client.describe_collection(collection, timeout=connection.timeout_seconds)
    types = {field["name"]: by_milvus(field["type"].name) for field in found["fields"]}
    return {name: type_ for name, type_ in types.items() if type_ is not None and name != "id"}
