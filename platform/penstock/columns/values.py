"""Single values, as they come in a query."""

from __future__ import annotations

from typing import Any

from penstock.columns.table import ValueType


def misfit(value: Any, type_: ValueType) -> str | None:
    """Why a value of a JSON document is no key of this type, as the end of a sentence; None where it is one.

    Examples:
        >>> misfit(2**31, ValueType.INT32)
        'is 2147483648: an Int32 has 32 bits'
        >>> misfit(True, ValueType.INT64)
        'is True: an Int64 is needed'
        >>> misfit(7, ValueType.INT64)
    """
    row = type_.row
    # A bool is an int in Python alone.
    if not isinstance(value, row.python) or (isinstance(value, bool) and row.python is not bool):
        return f"is {value!r}: {_article(type_)} is needed"
    if row.bits and not -(2 ** (row.bits - 1)) <= value < 2 ** (row.bits - 1):
        return f"is {value}: {_article(type_)} has {row.bits} bits"
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return f"is {value!r}: it holds half a character (a lone surrogate)"
    return None


def _article(type_: ValueType) -> str:
    return f"{'an' if type_[0] in 'AEIOU' else 'a'} {type_}"
