"""The OpenAPI v3 documents that kubectl asks for before it applies, and for `kubectl explain`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from penstock_operator.local.apiserver.resources import COORDINATION, CORE, PENSTOCK, ServedKind

ROOT = "/openapi/v3"


def documents() -> dict[str, dict[str, Any]]:
    """Each document by its path; the first lists the others."""
    groups = {_prefix(kinds[0]): kinds for kinds in (CORE, COORDINATION, PENSTOCK)}
    listed = {prefix: {"serverRelativeURL": f"{ROOT}/{prefix}"} for prefix in groups}
    return {ROOT: {"paths": listed}} | {f"{ROOT}/{prefix}": _document(kinds) for prefix, kinds in groups.items()}


def _prefix(kind: ServedKind) -> str:
    return f"apis/{kind.group}/{kind.version}" if kind.group else f"api/{kind.version}"


def _document(kinds: Iterable[ServedKind]) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    for kind in kinds:
        scope = "namespaces/{namespace}/" if kind.namespaced else ""
        identity = {"group": kind.group, "version": kind.version, "kind": kind.kind}
        # kubectl leaves checks of fields to a server that takes this parameter.
        parameter = {"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}
        operation = {"parameters": [parameter], "x-kubernetes-group-version-kind": identity, "responses": {}}
        paths[f"/{_prefix(kind)}/{scope}{kind.plural}"] = {"post": operation | {"x-kubernetes-action": "post"}}
        paths[f"/{_prefix(kind)}/{scope}{kind.plural}/{{name}}"] = {
            "patch": operation | {"x-kubernetes-action": "patch"},
            "put": operation | {"x-kubernetes-action": "put"},
        }
        schemas[f"{kind.group or 'core'}.{kind.version}.{kind.kind}"] = {
            **_schema(kind),
            "x-kubernetes-group-version-kind": [identity],
        }
    info = {"title": "Penstock", "version": "v1alpha1"}
    return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": schemas}}


def _schema(kind: ServedKind) -> dict[str, Any]:
    if kind.definition is None:
        return {"type": "object"}
    schema: dict[str, Any] = kind.definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema
