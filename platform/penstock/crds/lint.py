"""What must hold for each CustomResourceDefinition beyond what the API server refuses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from penstock.api.quantities import INT_OR_STRING
from penstock.crds.definition import openapi
from penstock.crds.schema import OPEN, Schema

FORBIDDEN = ("$ref", "anyOf", "oneOf", "allOf", "not", "title", "const", "prefixItems", "uniqueItems")
MAX_MESSAGE = 2048


def lint(definition: dict[str, Any]) -> list[str]:
    """What is wrong with a CustomResourceDefinition, each line with the path of the field; empty when all is well."""
    names = definition["spec"]["names"]
    version = definition["spec"]["versions"][0]
    problems = []
    if "penstock" not in names.get("categories", ()):
        problems.append("spec.names.categories: lacks penstock")
    if "status" not in version.get("subresources", {}):
        problems.append("spec.versions[0].subresources: lacks status")
    if not version.get("additionalPrinterColumns"):
        problems.append("spec.versions[0].additionalPrinterColumns: empty")
    root = openapi(definition)
    for part in ("spec", "status"):
        problems += _walk(root["properties"][part], part)
    return [f"{names['kind']}: {problem}" for problem in problems]


def _walk(node: Schema, path: str) -> Iterator[str]:
    yield from _node(node, path)
    for name, inner in node.get("properties", {}).items():
        yield from _walk(inner, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), dict):
            yield from _walk(node[key], f"{path}[]")


def _node(node: Schema, path: str) -> Iterator[str]:
    for keyword in FORBIDDEN:
        if keyword in node:
            yield f"{path}: {keyword} is not structural"
    kind = node.get("type")
    if path.startswith("spec") and kind == "number":
        yield f"{path}: a float: use a decimal string or a quantity"
    if INT_OR_STRING in node:
        kind = "string"
    if kind not in ("string", "integer", "number", "boolean", "array", "object"):
        yield f"{path}: no single type"
    if kind == "string" and "maxLength" not in node and "enum" not in node and node.get("format") != "date-time":
        yield f"{path}: a string without maxLength"
    if kind == "array":
        yield from _array(node, path)
    if kind == "object":
        yield from _object(node, path)
    if "default" in node and node["default"] is None:
        yield f"{path}: a default of null"
    for rule in node.get("x-kubernetes-validations", ()):
        if not rule.get("message") or len(rule["message"]) > MAX_MESSAGE or "\n" in rule["message"]:
            yield f"{path}: rule {rule['rule']!r} needs a message of one line"


def _array(node: Schema, path: str) -> Iterator[str]:
    if "maxItems" not in node:
        yield f"{path}: a list without maxItems"
    if node.get("x-kubernetes-list-type") not in ("atomic", "map"):
        yield f"{path}: a list without x-kubernetes-list-type"
    for key in node.get("x-kubernetes-list-map-keys", ()):
        if key not in node["items"].get("required", ()):
            yield f"{path}: list-map key {key} is not required"


def _object(node: Schema, path: str) -> Iterator[str]:
    if not node.keys() & {"properties", "maxProperties", OPEN}:
        yield f"{path}: an object without properties"
    if node.get("additionalProperties") is False:
        yield f"{path}: additionalProperties: false is not structural"
    for name in node.get("required", ()):
        if name not in node.get("properties", {}):
            yield f"{path}: requires {name}, which it does not have"
        elif "default" in node["properties"][name]:
            yield f"{path}.{name}: required and with a default"
