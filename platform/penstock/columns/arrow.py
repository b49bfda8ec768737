"""Rows as Arrow has them: each column in the one form in which it goes through Penstock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from penstock.columns.table import ValueType

if TYPE_CHECKING:
    import pyarrow as pa


def arrow_type(type_: ValueType) -> pa.DataType:
    """The Arrow type of a column of this type."""
    import pyarrow as pa

    return pa.type_for_alias(type_.row.arrow)


def canonical(batch: pa.RecordBatch, types: Mapping[str, ValueType]) -> pa.RecordBatch:
    """The batch with its columns of these names in their Arrow types, NaN as null; other columns as they are.

    Raises:
        pyarrow.ArrowInvalid: a value does not fit: only where the column has a type that is not accepted.
    """
    import pyarrow as pa

    columns = {
        name: _column(batch.column(name), types[name]) if name in types else batch.column(name)
        for name in batch.schema.names
    }
    return pa.RecordBatch.from_pydict(columns)


def _column(column: Any, type_: ValueType) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    cast = column.cast(arrow_type(type_))
    if not pa.types.is_floating(cast.type):
        return cast
    return pc.if_else(pc.is_nan(cast), pa.scalar(None, cast.type), cast)
