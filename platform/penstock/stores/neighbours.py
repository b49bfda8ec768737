"""The answer to a search."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import pyarrow as pa


SCORE = "the score"
"""The column of scores; a space is in the name of no field."""


@dataclass(frozen=True)
class Hit:
    """A neighbour; the score is Milvus's: similarity for Cosine and InnerProduct, squared distance for L2."""

    id: int | str
    score: float
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Neighbours:
    """The hits of all queries in one batch."""

    rows: pa.RecordBatch
    """`id`, `SCORE`, then the fields that were asked for: the hits of the first query, the nearest first, and so on."""
    counts: tuple[int, ...]
    """How many hits each query has."""

    @classmethod
    def of(cls, ids: pa.Array, scores: Any, fields: Mapping[str, pa.Array], counts: Iterable[int]) -> Self:
        """From the columns: a score for each id."""
        import pyarrow as pa

        columns = {"id": ids, SCORE: pa.array(scores, pa.float64()), **fields}
        return cls(pa.RecordBatch.from_pydict(columns), tuple(map(int, counts)))

    def ids(self) -> list[list[Any]]:
        """The ids of the hits of each query."""
        return self._by_query(self.rows.column(0).to_pylist())

    def hits(self) -> list[list[Hit]]:
        """The hits of each query."""
        id_, score, *others = [column.to_pylist() for column in self.rows.columns]
        names = self.rows.schema.names[2:]
        fields = [dict(zip(names, values, strict=True)) for values in zip(*others, strict=True)] or [{} for _ in id_]
        return self._by_query([Hit(*row) for row in zip(id_, score, fields, strict=True)])

    def _by_query(self, found: list[Any]) -> list[list[Any]]:
        rest = iter(found)
        return [[next(rest) for _ in range(count)] for count in self.counts]
