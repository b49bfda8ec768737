"""Merge patch (RFC 7386), and server-side apply in the part of it that one user at a time needs."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

from penstock_operator.ports import Object

Fields = dict[str, Any]
"""`fieldsV1`: the names that a manager has set, each behind `f:`; lists are set as a whole."""

IDENTITY = ("apiVersion", "kind")
IDENTITY_METADATA = ("name", "namespace", "uid", "resourceVersion", "managedFields")


def merge(target: Any, patch: Any) -> Any:
    """Apply a merge patch: null removes, objects merge, everything else replaces."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged


def apply(current: Object | None, applied: Object, manager: str) -> Object:
    """What an object becomes when a manager applies this configuration.

    A field that the manager set before and leaves out now is removed; what others set stays. Fields are taken over
    without a conflict, as with `--force-conflicts`.
    """
    configuration = {name: value for name, value in applied.items() if name not in (*IDENTITY, "status")}
    meta = {k: v for k, v in applied["metadata"].items() if k not in IDENTITY_METADATA}
    owned = _fields({**configuration, "metadata": meta})
    base = copy.deepcopy(current) if current is not None else {}
    entries = base.get("metadata", {}).get("managedFields", [])
    mine = next((e for e in entries if e["manager"] == manager and e["operation"] == "Apply"), None)
    if mine is not None:
        _remove(base, mine["fieldsV1"], owned)
    result: Object = merge(base, {**{k: applied[k] for k in IDENTITY}, **configuration})
    entry = {
        "manager": manager,
        "operation": "Apply",
        "apiVersion": applied["apiVersion"],
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "fieldsType": "FieldsV1",
        "fieldsV1": owned,
    }
    if mine is not None and mine["fieldsV1"] == owned:
        entry["time"] = mine["time"]
    result["metadata"]["managedFields"] = [*(e for e in entries if e is not mine), entry]
    return result


def _fields(value: dict[str, Any]) -> Fields:
    return {f"f:{name}": _fields(inner) if isinstance(inner, dict) else {} for name, inner in value.items()}


def _remove(target: dict[str, Any], before: Fields, now: Fields) -> None:
    for key, inner in before.items():
        name = key.removeprefix("f:")
        if key not in now and not inner:
            target.pop(name, None)
        elif isinstance(target.get(name), dict):
            _remove(target[name], inner, now.get(key, {}))
            if key not in now and not target[name]:
                del target[name]
