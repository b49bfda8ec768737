"""What staging and serving ask of a store, over Arrow; each store has its own behind these.

Columns are in the types of `penstock.columns`, as `penstock.columns.arrow.canonical` gives them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from penstock.api.views import IndexType
from penstock.columns.table import ValueType
from penstock.stores.neighbours import Neighbours

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

EVENT_TIME = "event time"
"""The column of an answer that says when a row's event was; a space is in the name of no feature."""


class OnlineWriter(Protocol):
    """Writes the rows of a view."""

    def write(self, batches: Iterator[pa.RecordBatch]) -> Iterator[int]:
        """Write batches of keys, features and the event time; of two rows of one entity the later in time stays.

        Yields:
            The number of rows of each batch, once they are written.
        """


class OnlineReader(Protocol):
    """Reads the rows of a view."""

    def read(self, keys: pa.RecordBatch, features: Sequence[str]) -> pa.RecordBatch:
        """A row for each row of keys: the features, and `EVENT_TIME`, null where there is none, or too old a row."""


class VectorWriter(Protocol):
    """Writes a collection."""

    def prepare(self, id_type: ValueType) -> bool:
        """Make the collection ready to be written; whether there was none."""

    def write(self, batches: Iterator[pa.RecordBatch]) -> Iterator[int]:
        """Write batches of `id`, `vector` and scalar fields; a row that is there is replaced.

        Yields:
            The number of rows of each batch, once they are written.
        """

    def index(self, index: IndexType) -> None:
        """Index what is written, and make it ready to be searched."""

    def count(self) -> int:
        """The number of rows, exactly."""


class VectorReader(Protocol):
    """Searches a collection, or an index in memory."""

    @property
    def fields(self) -> Mapping[str, ValueType]:
        """The scalar fields that hits can have."""

    def search(self, vectors: np.ndarray[Any, Any], k: int, fields: Sequence[str] = (), where: str = "") -> Neighbours:
        """The k nearest rows of each of `[queries, dimension]` vectors, the nearest first.

        Args:
            vectors: the queries.
            k: neighbours of each.
            fields: scalar fields to bring along.
            where: a filter on the scalar fields; empty for all rows.
        """
