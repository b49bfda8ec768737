"""A pod template laid over another one.

https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

KEYS = {
    "containers": "name",
    "initContainers": "name",
    "volumes": "name",
    "imagePullSecrets": "name",
    "env": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "ports": "containerPort",
    "hostAliases": "ip",
    "topologySpreadConstraints": "topologyKey",
}
"""By which of its fields an entry of a list is the same entry; other lists are replaced as a whole."""
WHOLE = ("env", "volumes", "volumeMounts")
"""The lists whose entries are replaced: what they hold of one kind excludes what they hold of another."""


def merged(base: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `patch` over it: maps by key, the lists of `KEYS` by entry, null removes; `base` keeps its order."""
    result = dict(base)
    for name, value in patch.items():
        before = base.get(name)
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            result[name] = merged(before if isinstance(before, Mapping) else {}, value)
        elif name in KEYS and isinstance(before, list) and _are_entries(value, KEYS[name]):
            result[name] = _entries(before, value, KEYS[name], whole=name in WHOLE)
        else:
            result[name] = value
    return result


def _are_entries(value: Any, key: str) -> bool:
    """What is no list of entries is handed on, for the API server to say what is wrong with it."""
    return isinstance(value, list) and all(
        isinstance(one, Mapping) and isinstance(one.get(key), str | int | None) for one in value
    )


def _entries(base: list[Any], patch: list[Any], key: str, *, whole: bool) -> list[Any]:
    over = {entry.get(key): entry for entry in patch}
    known = {entry.get(key) for entry in base}

    def entry(before: Mapping[str, Any]) -> dict[str, Any]:
        after = over.get(before.get(key))
        if after is None:
            return dict(before)
        return dict(after) if whole else merged(before, after)

    return [*map(entry, base), *(one for one in patch if one.get(key) not in known)]
