"""The vectors of one run under the name of a VectorCollection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import finalize

import numpy as np

from penstock.api.views import Metric, Serving
from penstock.columns.table import ValueType
from penstock.gateway.encoder import Encoder
from penstock.gateway.errors import DataGone, EncoderMismatch, InvalidQuery, NotServed, Unavailable
from penstock.gateway.threads import BoundedThreads
from penstock.handoff import MilvusConnection
from penstock.stores.milvus.client import open_client, translated
from penstock.stores.milvus.errors import VectorsError, VectorsRefused
from penstock.stores.milvus.reader import MilvusReader, scalar_fields
from penstock.stores.neighbours import Hit
from penstock.stores.ports import VectorReader

THREADS = 8
Vectors = np.ndarray[Any, np.dtype[np.float32]]


class Server:
    """A Milvus, by one client that all threads share."""

    def __init__(self, connection: MilvusConnection, waiting: int) -> None:
        self._connection = connection
        with translated(connection):
            self._client = open_client(connection)
        finalize(self, self._client.close).atexit = False
        self.threads = BoundedThreads(f"Milvus at {connection.uri}", THREADS, waiting)

    def load(self, collection: str) -> None:
        """See that the collection is there, in memory and ready.

        Raises:
            VectorsError: Milvus does not answer, or has no such collection.
        """
        with translated(self._connection):
            self._client.load_collection(collection, timeout=self._connection.timeout_seconds)

    def fields(self, collection: str) -> Mapping[str, ValueType]:
        """The scalar fields that the collection has, and their types.

        Raises:
            VectorsError: Milvus does not answer, or has no such collection.
        """
        return scalar_fields(self._client, self._connection, collection)

    def search(
        self, collection: str, vectors: Vectors, k: int, metric: Metric, fields: Mapping[str, ValueType], where: str
    ) -> list[list[Hit]]:
        """The k nearest rows of each vector.

        Raises:
            DataGone: there is no such collection any more.
            InvalidQuery: Milvus refuses the filter.
            Unavailable: Milvus does not answer.
        """
        try:
            try:
                return self._search(collection, vectors, k, metric, fields, where)
            except VectorsRefused as error:
                if not self._has(collection):
                    raise DataGone(f"Milvus at {self._connection.uri} has no {collection!r} any more") from error
                if "not load" in str(error) or "released" in str(error):
                    # A Milvus that restarted has the collection on disk only.
                    self.load(collection)
                    return self._search(collection, vectors, k, metric, fields, where)
                if where:
                    raise InvalidQuery(f"Milvus refuses the query, with the filter {where!r}: {error}") from error
                raise
        except VectorsError as error:
            raise Unavailable(str(error)) from error

    def _has(self, collection: str) -> bool:
        with translated(self._connection):
            return bool(self._client.has_collection(collection, timeout=self._connection.timeout_seconds))

    def _search(
        self, collection: str, vectors: Vectors, k: int, metric: Metric, fields: Mapping[str, ValueType], where: str
    ) -> list[list[Hit]]:
        reader: VectorReader = MilvusReader(self._client, self._connection, collection, metric, fields)
        return reader.search(vectors, k, tuple(fields), where).hits()


@dataclass(frozen=True)
class Collection:
    """One run's vectors, the fields beside them, and the encoder that made them."""

    name: str
    physical: str
    server: Server
    compute: BoundedThreads
    metric: Metric
    dimension: int
    rows: int
    fields: Mapping[str, ValueType]
    encoder: Encoder | None = None
    memory: VectorReader | None = None

    @property
    def serving(self) -> Serving:
        """Where a query without a filter is answered."""
        return Serving.STORE if self.memory is None else Serving.IN_MEMORY

    async def encode(self, inputs: Sequence[Any]) -> Vectors:
        """The vectors of raw inputs, by the encoder of this run.

        Raises:
            InvalidQuery: there is no encoder, or an input is not of its shape and type.
        """
        if self.encoder is None:
            raise InvalidQuery(
                f"Collection {self.name!r} has no encoder: send vectors, or name one in spec.vectors[].encoder"
            )
        return await self.compute.run(self.encoder.encode, inputs)

    def check(self, vectors: Sequence[Sequence[float]], encoder: str | None) -> Vectors:
        """`[queries, dimension]`.

        Raises:
            EncoderMismatch: they were made by another encoder than the collection's.
            InvalidQuery: a vector has another dimension or a number that is not finite.
        """
        own = self.encoder.digest if self.encoder is not None else None
        if encoder is not None and encoder != own:
            raise EncoderMismatch(
                f"The vectors are of encoder {encoder}, and collection {self.name!r} is of {own or 'an unknown one'}: "
                "encode them again, or send inputs"
            )
        for number, vector in enumerate(vectors):
            if len(vector) != self.dimension:
                raise InvalidQuery(
                    f"vectors[{number}] has {len(vector)} numbers: "
                    f"collection {self.name!r} has dimension {self.dimension}"
                )
        with np.errstate(over="ignore"):
            array = np.asarray(vectors, dtype=np.float32)
        if not np.isfinite(array).all():
            number = int(np.flatnonzero(~np.isfinite(array).all(axis=1))[0])
            raise InvalidQuery(f"vectors[{number}] holds a number that is not finite as float32")
        return array

    async def search(
        self, vectors: Vectors, k: int, *, where: str = "", fields: Sequence[str] | None = None
    ) -> list[list[Hit]]:
        """The k nearest rows of each vector, the nearest first.

        Raises:
            InvalidQuery: Milvus refuses the filter.
            NotServed: there is no such field.
            DataGone: Milvus has the collection no more.
            Unavailable: Milvus does not answer.
        """
        for field in fields or ():
            if field not in self.fields:
                has = ", ".join(self.fields) or "none"
                raise NotServed(f"Collection {self.name!r} has no field {field!r}: it has {has}")
        wanted = {name: self.fields[name] for name in (self.fields if fields is None else fields)}
        if self.memory is not None and not where:
            return (await self.compute.run(self.memory.search, vectors, k, tuple(wanted))).hits()
        server = self.server
        try:
            found = await server.threads.run(server.search, self.physical, vectors, k, self.metric, wanted, where)
            if self.rows and not any(found):
                await self._prove(vectors[:1])
            return found
        except Unavailable as error:
            raise type(error)(f"Collection {self.name!r}: {error}") from error

    async def _prove(self, vectors: Vectors) -> None:
        """See that it is the filter that lets no row through."""
        server = self.server
        if not any(await server.threads.run(server.search, self.physical, vectors, 1, self.metric, {}, "")):
            raise DataGone(f"{self.physical!r} in Milvus has no rows any more, and the run wrote {self.rows}")
