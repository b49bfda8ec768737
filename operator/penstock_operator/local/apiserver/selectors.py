"""Label and field selectors of list and watch."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from penstock_operator.local.apiserver.errors import Malformed
from penstock_operator.ports import Object

Selector = Callable[[Object], bool]

_SET = re.compile(r"^\s*(\S+)\s+(in|notin)\s+\(([^)]*)\)\s*$")
_SPLIT = re.compile(r",(?![^(]*\))")


def selector(labels: str, fields: str) -> Selector:
    """Whether an object matches both; an empty selector matches all.

    Raises:
        Malformed: a field that cannot be selected by.
    """
    checks = [_label(part) for part in _SPLIT.split(labels) if part.strip()]
    checks += [_field(part) for part in fields.split(",") if part.strip()]
    return lambda obj: all(check(obj) for check in checks)


def _label(part: str) -> Selector:
    def of(obj: Object) -> dict[str, str]:
        labels: dict[str, str] = obj["metadata"].get("labels") or {}
        return labels

    if (match := _SET.match(part)) is not None:
        name, operator, listed = match.groups()
        values = {value.strip() for value in listed.split(",")}
        return lambda obj: (of(obj).get(name) in values) == (operator == "in")
    for operator in ("!=", "==", "="):
        name, found, value = part.partition(operator)
        if found:
            return lambda obj: (of(obj).get(name.strip()) == value.strip()) == (operator != "!=")
    name = part.strip()
    return (lambda obj: name[1:] not in of(obj)) if name.startswith("!") else (lambda obj: name in of(obj))


def _field(part: str) -> Selector:
    negated = "!=" in part
    path, _, value = part.replace("!=", "=").replace("==", "=").partition("=")
    steps = path.strip().split(".")
    if steps[0] not in ("metadata", "involvedObject", "type", "reason"):
        raise Malformed(f"field label not supported: {path}")

    def at(obj: Object) -> Any:
        found: Any = obj
        for step in steps:
            found = found.get(step) if isinstance(found, dict) else None
        return found

    return lambda obj: (at(obj) == value) != negated
