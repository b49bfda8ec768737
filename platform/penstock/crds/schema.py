"""A pydantic model as a structural OpenAPI schema, the only form that apiextensions/v1 accepts.

See https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema, to_jsonable_python

from penstock.api.meta import Model
from penstock.api.quantities import INT_OR_STRING

Schema = dict[str, Any]

# CEL's cost estimate multiplies these bounds: a string or list without one makes any rule below it too dear to accept.
DEFAULT_MAX_LENGTH = 1024
DEFAULT_MAX_ITEMS = 64
DEFAULT_MAX_PROPERTIES = 64

# A list of objects with one of these as a required member is a map to server-side apply: each entry has its own owner.
LIST_MAP_KEYS = {"conditions": "type"}
LIST_MAP_KEY = "name"

OPEN = "x-kubernetes-preserve-unknown-fields"
"""Marks an object that is kept as it is, such as a pod template."""

_COPIED = (
    "type",
    "format",
    "enum",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "required",
    "default",
    "x-kubernetes-validations",
    "x-kubernetes-map-type",
    INT_OR_STRING,
)


class UnsupportedSchema(Exception):
    """A type of a model has no structural form; the message names the field."""


class _Generator(GenerateJsonSchema):
    """Pydantic's generator, which also notes the defaults of factories and the CEL rules of each model."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        generated = super().model_schema(schema)
        model: type[BaseModel] = schema["cls"]
        for name, field in model.model_fields.items():
            prop = generated["properties"].get(field.serialization_alias or field.alias or name)
            if prop is not None and field.default_factory is not None:
                prop["default"] = to_jsonable_python(field.get_default(call_default_factory=True, validated_data={}))
        if issubclass(model, Model) and model.ATOMIC:
            generated["x-kubernetes-map-type"] = "atomic"
        if issubclass(model, Model) and model.RULES:
            generated["x-kubernetes-validations"] = [rule._asdict() for rule in model.RULES]
        return generated


def structural(model: type[BaseModel]) -> Schema:
    """The structural schema of a model: references inlined, bounds on every string and list, no nulls.

    Raises:
        UnsupportedSchema: a field has a type that a structural schema cannot say, such as a union or a tuple.
    """
    generated = model.model_json_schema(by_alias=True, schema_generator=_Generator)
    return _convert(generated, generated.get("$defs", {}), model.__name__, "")


def _convert(node: Schema, definitions: dict[str, Schema], path: str, name: str) -> Schema:
    node = _resolve(node, definitions, path)
    kind = node.get("type")
    if not isinstance(kind, str):
        raise UnsupportedSchema(f"{path}: needs one type, has {sorted(node)}: use optional members and a CEL rule")
    out: Schema = {key: node[key] for key in ("description", *_COPIED) if key in node}
    if INT_OR_STRING in out:
        # The API server takes both, and wants no type beside it.
        del out["type"]
    if "description" in out:
        out["description"] = " ".join(out["description"].split())
    if "const" in node:
        out["enum"] = [node["const"]]
    if out.get("default", ...) is None:
        del out["default"]
    elif "default" in out:
        out["default"] = _without_nulls(out["default"])
    _exclusive_bounds(node, out)
    if kind == "string" and "enum" not in out and "format" not in out:
        out.setdefault("maxLength", DEFAULT_MAX_LENGTH)
    elif kind == "array":
        _convert_array(node, out, definitions, path, name)
    elif kind == "object":
        _convert_object(node, out, definitions, path)
    return out


def _resolve(node: Schema, definitions: dict[str, Schema], path: str) -> Schema:
    """Follow `$ref` and drop the null of an optional; what the outer node says wins."""
    while "$ref" in node or "anyOf" in node:
        outer = {key: value for key, value in node.items() if key not in ("$ref", "anyOf")}
        if "$ref" in node:
            inner = definitions[node["$ref"].rsplit("/", 1)[-1]]
        else:
            choices = [choice for choice in node["anyOf"] if choice.get("type") != "null"]
            if len(choices) != 1:
                raise UnsupportedSchema(f"{path}: a union has no structural form: use optional members and a CEL rule")
            inner = choices[0]
        node = {**inner, **outer}
    return node


def _convert_array(node: Schema, out: Schema, definitions: dict[str, Schema], path: str, name: str) -> None:
    if "prefixItems" in node or node.get("uniqueItems"):
        raise UnsupportedSchema(f"{path}: a tuple or a set has no structural form: use a list")
    out.setdefault("maxItems", DEFAULT_MAX_ITEMS)
    out["items"] = items = _convert(node["items"], definitions, f"{path}[]", "")
    key = LIST_MAP_KEYS.get(name, LIST_MAP_KEY)
    if key in items.get("required", ()):
        out["x-kubernetes-list-type"] = "map"
        out["x-kubernetes-list-map-keys"] = [key]
    else:
        out["x-kubernetes-list-type"] = "atomic"


def _convert_object(node: Schema, out: Schema, definitions: dict[str, Schema], path: str) -> None:
    values = node.get("additionalProperties")
    if node.get(OPEN):
        out[OPEN] = True
    elif "properties" in node:
        out["properties"] = {
            key: _convert(value, definitions, f"{path}.{key}", key) for key, value in node["properties"].items()
        }
    elif isinstance(values, dict):
        out["additionalProperties"] = _convert(values, definitions, f"{path}[]", "")
        out.setdefault("maxProperties", node.get("maxProperties", DEFAULT_MAX_PROPERTIES))
    elif values is not False:
        raise UnsupportedSchema(f"{path}: an object of any shape would be pruned: name its fields, or mark it {OPEN}")


def _exclusive_bounds(node: Schema, out: Schema) -> None:
    """An open bound of integers is the next integer; of numbers, apiextensions says it with a boolean."""
    for bound, step in (("Minimum", 1), ("Maximum", -1)):
        exclusive = node.get(f"exclusive{bound}")
        if exclusive is None:
            continue
        if node["type"] == "integer":
            out[bound.lower()] = int(exclusive) + step
        else:
            out[bound.lower()] = exclusive
            out[f"exclusive{bound}"] = True


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_nulls(inner) for inner in value]
    return value
