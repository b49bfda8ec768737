"""Between Arrow columns and Feast's values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from penstock.columns.arrow import arrow_type
from penstock.columns.table import ValueType
from penstock.stores.feast.lean import feast

Value = feast.protos.feast.types.Value_pb2.Value


def to_values(column: pa.Array, type_: ValueType) -> list[Any]:
    """Feast's value for each of a column; one that is not set for a null."""
    name = type_.row.feast_value
    return [Value() if one is None else Value(**{name: one}) for one in column.to_pylist()]


def to_column(values: Iterable[Any], type_: ValueType) -> pa.Array:
    """The column of Feast's values."""
    name = type_.row.feast_value
    found = [getattr(value, name) if value.HasField(name) else None for value in values]
    return pa.array(found, arrow_type(type_))
