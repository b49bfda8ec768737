"""`Table`: what `kubectl get` prints."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from penstock_operator.local.apiserver.resources import ServedKind
from penstock_operator.ports import Object

_STEP = re.compile(r'(?P<name>\w+)(?:\[(?:\?\(@\.type=="(?P<type>\w+)"\)|(?P<first>0|\*))\])?')


def table(kind: ServedKind, items: Sequence[Object], version: int, now: datetime | None = None) -> dict[str, Any]:
    """The objects as rows, with the columns of the kind's definition."""
    now = now or datetime.now(UTC)
    columns = [{"name": "Name", "type": "string", "format": "name", "description": "", "priority": 0}]
    columns += [
        {
            "name": column["name"],
            "type": "string" if column["type"] == "date" else column["type"],
            "format": "",
            "description": column.get("description", ""),
            "priority": column.get("priority", 0),
        }
        for column in kind.columns
    ]
    rows = [
        {
            "cells": [obj["metadata"]["name"], *(_cell(obj, column, now) for column in kind.columns)],
            "object": {
                "kind": "PartialObjectMetadata",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": obj["metadata"],
            },
        }
        for obj in items
    ]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": str(version)},
        "columnDefinitions": columns,
        "rows": rows,
    }


def value_at(obj: Any, path: str) -> Any:
    """The value at a JSONPath of the forms that printer columns use; of several the first, as the API server prints.

    Raises:
        ValueError: a path of another form.
    """
    for step in re.split(r"\.(?![^\[]*\])", path.lstrip(".")):
        if (match := _STEP.fullmatch(step)) is None:
            raise ValueError(f"no printer column can be read at {path}")
        obj = obj.get(match["name"]) if isinstance(obj, dict) else None
        if match["type"] is not None:
            obj = next((item for item in obj or () if item.get("type") == match["type"]), None)
        elif match["first"] is not None:
            obj = next(iter(obj or ()), None)
    return obj


def age(then: str, now: datetime) -> str:
    """A duration as kubectl prints it: 12s, 5m, 3h, 2d."""
    seconds = int((now - datetime.fromisoformat(then)).total_seconds())
    for unit, size, most in (("s", 1, 120), ("m", 60, 120 * 60), ("h", 3600, 48 * 3600)):
        if seconds < most:
            return f"{max(seconds // size, 0)}{unit}"
    return f"{seconds // 86400}d"


def _cell(obj: Object, column: dict[str, Any], now: datetime) -> Any:
    value = value_at(obj, column["jsonPath"])
    if column.get("count"):
        return len(value or ())
    if value is None:
        return "" if column["type"] == "string" else None
    return age(value, now) if column["type"] == "date" else value
