"""Reading objects as they are on the wire, of whatever schema: what is not as expected is not there.

So one object that cannot be read troubles no other, and many are read fast.
"""

from __future__ import annotations

from typing import Any


def inner(obj: Any, *path: str) -> Any:
    """What is at a path of fields, or None."""
    for name in path:
        obj = obj.get(name) if isinstance(obj, dict) else None
    return obj


def entries(obj: Any, *path: str) -> list[dict[str, Any]]:
    """The objects of the list at a path of fields."""
    found = inner(obj, *path)
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def texts(*values: Any) -> list[str]:
    """Those of the values that are strings."""
    return [value for value in values if isinstance(value, str)]
