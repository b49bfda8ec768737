"""The table: a row says of a type all that any part of Penstock knows. Names only, so that it costs no import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self


@dataclass(frozen=True)
class Column:
    """What is known of a type."""

    arrow: str
    """The Arrow type that writers get, readers give and staging compares."""
    accepts: tuple[str, ...]
    """Arrow types of a run's output, as Arrow prints them, that become it without a loss; also as a dictionary."""
    python: type
    """What a value is in Python, and so in JSON."""
    packed: str
    """A value in a row of fixed width, as `struct` writes it; of text, its place and length in a heap."""
    feast: str
    """Name in `feast.types`."""
    feast_value: str
    """The member of Feast's `Value` that holds it."""
    milvus: str
    """Name in `pymilvus.DataType`."""
    json: str
    """How it stands in the gateway's queries and answers, for people."""
    example: str
    """A key of it, in a command."""
    milvus_params: Mapping[str, Any] = field(default_factory=dict)
    key: bool = False
    """Whether an entity may be keyed by it: Feast writes no other into a key, and equality of floats is no identity."""
    bits: int = 0
    """Of whole numbers: the width, sign included."""


_INT16 = ("int8", "int16", "uint8", "uint16")
_FLOAT16 = ("halffloat",)
_TEXT = ("string", "large_string", "string_view")
TEXT_BYTES = 4096
"""The longest text of a scalar field, which Milvus bounds."""


class ValueType(StrEnum):
    """The types that a key, a feature or a scalar field may have."""

    row: Column

    def __new__(cls, value: str, row: Column) -> Self:
        """Take the name and the row from a member's tuple."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.row = row
        return member

    INT32 = (
        "Int32",
        Column(
            arrow="int32",
            accepts=(*_INT16, "int32"),
            python=int,
            packed="<i",
            feast="Int32",
            feast_value="int32_val",
            milvus="INT32",
            json="number",
            example="1",
            key=True,
            bits=32,
        ),
    )
    INT64 = (
        "Int64",
        Column(
            arrow="int64",
            accepts=(*_INT16, "int32", "int64", "uint32"),
            python=int,
            packed="<q",
            feast="Int64",
            feast_value="int64_val",
            milvus="INT64",
            json="number, with all its digits: read it as a whole number, not as a double",
            example="1",
            key=True,
            bits=64,
        ),
    )
    FLOAT32 = (
        "Float32",
        Column(
            arrow="float",
            accepts=(*_FLOAT16, "float"),
            python=float,
            packed="<f",
            feast="Float32",
            feast_value="float_val",
            milvus="FLOAT",
            json="number; a NaN is null",
            example="1.0",
        ),
    )
    FLOAT64 = (
        "Float64",
        Column(
            arrow="double",
            accepts=(*_FLOAT16, "float", "double"),
            python=float,
            packed="<d",
            feast="Float64",
            feast_value="double_val",
            milvus="DOUBLE",
            json="number; a NaN is null",
            example="1.0",
        ),
    )
    STRING = (
        "String",
        Column(
            arrow="string",
            accepts=_TEXT,
            python=str,
            packed="<QI",
            feast="String",
            feast_value="string_val",
            milvus="VARCHAR",
            json="string",
            example="NAME",
            milvus_params={"max_length": TEXT_BYTES},
            key=True,
        ),
    )
    BOOL = (
        "Bool",
        Column(
            arrow="bool",
            accepts=("bool",),
            python=bool,
            packed="<?",
            feast="Bool",
            feast_value="bool_val",
            milvus="BOOL",
            json="true, false",
            example="true",
        ),
    )


KEYS = tuple(type_ for type_ in ValueType if type_.row.key)
"""The types that an entity key may have."""
ID_TYPES = (ValueType.INT64, ValueType.STRING)
"""The types of `id` in embeddings: which of them is told by the Arrow type."""
ID_BYTES = 256
"""The longest `id` that is text."""


def fits(arrow: str, type_: ValueType) -> bool:
    """Whether a column of this Arrow type, as Arrow prints it, may be written for one of this type.

    Examples:
        >>> fits("dictionary<values=string, indices=int8, ordered=0>", ValueType.STRING)
        True
    """
    return arrow.removeprefix("dictionary<values=").split(",")[0] in type_.row.accepts


def by_feast(name: str) -> ValueType | None:
    """The type of a field that Feast calls so; None where Penstock has none such."""
    return next((type_ for type_ in ValueType if type_.row.feast == name), None)


def by_milvus(name: str) -> ValueType | None:
    """The type of a field that Milvus calls so; None where Penstock has none such."""
    return next((type_ for type_ in ValueType if type_.row.milvus == name), None)


def id_type(arrow: str) -> ValueType | None:
    """The type of an `id` that is written as this Arrow type; None where it cannot be one."""
    return next((type_ for type_ in ID_TYPES if fits(arrow, type_)), None)
