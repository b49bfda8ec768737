"""What is wrong with a field, in the words of kube-apiserver."""

from __future__ import annotations

import json
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Any

MAX_QUOTED = 256
UNKNOWN = "unknown field"


class Cause(StrEnum):
    """The kind of error: the values of `details.causes[].reason` in a Kubernetes Status, and one for unknown fields."""

    INVALID = "FieldValueInvalid"
    TYPE_INVALID = "FieldValueTypeInvalid"
    REQUIRED = "FieldValueRequired"
    NOT_SUPPORTED = "FieldValueNotSupported"
    TOO_LONG = "FieldValueTooLong"
    TOO_MANY = "FieldValueTooMany"
    DUPLICATE = "FieldValueDuplicate"
    UNKNOWN = "UnknownField"


# After one of these, rules would be evaluated on values that they are not written for; the API server stops too.
BLOCKING = frozenset({Cause.TYPE_INVALID, Cause.REQUIRED, Cause.NOT_SUPPORTED, Cause.TOO_LONG, Cause.TOO_MANY})


@dataclass(frozen=True)
class FieldError:
    """One error: the path of the field, what is wrong with it, and the kind of error."""

    path: str
    message: str
    cause: Cause = Cause.INVALID

    def __str__(self) -> str:
        if self.cause is Cause.UNKNOWN:
            return f"unknown field {quote(self.path)}{self.message.removeprefix(UNKNOWN)}"
        return f"{self.path}: {self.message}"


def invalid(path: str, value: Any, detail: str) -> FieldError:
    """A value out of its bounds, or one that a rule refuses."""
    return FieldError(path, f"Invalid value: {quote(value)}: {detail}")


def wrong_type(path: str, value: Any, expected: str) -> FieldError:
    """A value of another type."""
    detail = f"Invalid value: {quote(type_name(value))}: must be of type {expected}"
    return FieldError(path, detail, Cause.TYPE_INVALID)


def required(path: str) -> FieldError:
    """A field that must be there and is not."""
    return FieldError(path, "Required value", Cause.REQUIRED)


def unsupported(path: str, value: Any, supported: list[Any]) -> FieldError:
    """A value that is not one of an enum's."""
    values = ", ".join(quote(choice) for choice in supported)
    return FieldError(path, f"Unsupported value: {quote(value)}: supported values: {values}", Cause.NOT_SUPPORTED)


def too_long(path: str, limit: int) -> FieldError:
    """A string over its length."""
    return FieldError(path, f"Too long: may not be more than {limit} bytes", Cause.TOO_LONG)


def too_many(path: str, count: int, limit: int) -> FieldError:
    """A list over its length."""
    return FieldError(path, f"Too many: {count}: must have at most {limit} items", Cause.TOO_MANY)


def duplicate(path: str, key: Any) -> FieldError:
    """A second entry under one key of a list map."""
    return FieldError(path, f"Duplicate value: {quote(key)}", Cause.DUPLICATE)


def unknown(path: str, name: str, fields: list[str]) -> FieldError:
    """A field that the schema does not have, with the one that was perhaps meant."""
    near = get_close_matches(name, fields, n=1)
    hint = f": did you mean {quote(near[0])}?" if near else ""
    return FieldError(path, f"{UNKNOWN}{hint}", Cause.UNKNOWN)


def type_name(value: Any) -> str:
    """The JSON type of a value."""
    if value is None:
        return "null"
    names: dict[type, str] = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}
    return names.get(type(value), "object")


def quote(value: Any) -> str:
    """A value as JSON, cut where it would hide the rest of the message."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    return text if len(text) <= MAX_QUOTED else f"{text[:MAX_QUOTED]}..."
