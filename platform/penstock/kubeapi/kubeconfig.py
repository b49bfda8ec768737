"""Kubeconfig files as one, by kubectl's rules.

https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from penstock.kubeapi.errors import KubeconfigError

LISTS = {"clusters": "cluster", "users": "user", "contexts": "context"}
PATHS = {
    "clusters": ("certificate-authority",),
    "users": ("client-certificate", "client-key", "tokenFile"),
    "contexts": (),
}

ISSUER_CA = "idp-certificate-authority"


def read(paths: Sequence[Path]) -> dict[str, Any]:
    """The files, the first before the others.

    Raises:
        KubeconfigError: one of them cannot be read, or is no kubeconfig.
    """
    return merged([absolute(_read(path), path.absolute().parent) for path in paths])


def merged(configs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One kubeconfig: of each name the entry that comes first, whole, and the first `current-context` that is set."""
    result: dict[str, Any] = {}
    for config in configs:
        for name, value in config.items():
            if name in LISTS:
                entries = result.setdefault(name, [])
                known = {entry["name"] for entry in entries}
                entries += [entry for entry in value or () if entry["name"] not in known]
            elif not result.get(name):
                result[name] = value
    return result


def absolute(config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The kubeconfig with the paths in it made absolute; they are meant from the folder of their file."""
    result = dict(config)
    for name, field in LISTS.items():
        if result.get(name):
            result[name] = [_entry(entry, field, PATHS[name], folder) for entry in result[name]]
    return result


def _entry(entry: Mapping[str, Any], field: str, paths: Sequence[str], folder: Path) -> dict[str, Any]:
    value = dict(entry.get(field) or {})
    value |= {path: str(folder / value[path]) for path in paths if value.get(path)}
    provider = value.get("auth-provider") or {}
    if authority := (provider.get("config") or {}).get(ISSUER_CA):
        value["auth-provider"] = {**provider, "config": {**provider["config"], ISSUER_CA: str(folder / authority)}}
    command = (value.get("exec") or {}).get("command")
    # A bare name is looked for on the PATH.
    if command and os.sep in command:
        value["exec"] = {**value["exec"], "command": str(folder / command)}
    return {**entry, field: value}


def _read(path: Path) -> dict[str, Any]:
    try:
        config = yaml.safe_load(path.read_text())
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise KubeconfigError(f"Kubeconfig {str(path)!r} cannot be read: {error}") from error
    if config is None:
        return {}
    if not isinstance(config, dict) or not all(_is_list(config.get(name)) for name in LISTS):
        raise KubeconfigError(f"Kubeconfig {str(path)!r} is not a kubeconfig")
    return config


def _is_list(value: Any) -> bool:
    """Whether it is a list of named entries, or nothing."""
    return isinstance(value or [], list) and all(isinstance(one, dict) and "name" in one for one in value or ())
