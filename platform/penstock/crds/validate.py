"""The checks of kube-apiserver on a laptop: defaults, unknown fields, the structural schema and its CEL rules.

The CustomResourceDefinition is the only input, so that a spec is refused here exactly when a cluster refuses it.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from penstock.api.quantities import INT_OR_STRING
from penstock.crds import errors
from penstock.crds.definition import openapi
from penstock.crds.errors import BLOCKING, Cause, FieldError
from penstock.crds.rules import ABSENT, Rules, correlated, same
from penstock.crds.schema import Schema

__all__ = ["Cause", "FieldError", "Validator"]

# The API server has its own schema of these; a CustomResourceDefinition may not repeat them.
METADATA_FIELDS = (
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
)


class Validator:
    """Defaults and checks objects of one kind.

    Examples:
        >>> from penstock.api import TrainingJob
        >>> from penstock.crds import crd
        >>> validator = Validator(crd(TrainingJob))
        >>> spec = {"source": {"path": "/code"}, "entrypoint": "train.py"}
        >>> job = validator.default({"metadata": {"name": "digits"}, "spec": spec})
        >>> job["spec"]["workers"]["count"]
        1
        >>> [str(error) for error in validator.validate(job)]
        []
    """

    def __init__(self, crd: dict[str, Any]) -> None:
        self.kind: str = crd["spec"]["names"]["kind"]
        self.schema = openapi(crd)
        self._rules = Rules()

    def default(self, obj: dict[str, Any]) -> dict[str, Any]:
        """A copy with the schema's defaults filled in; a null counts as absent, as on the API server."""
        return self.fill(copy.deepcopy(obj))

    def fill(self, obj: dict[str, Any]) -> dict[str, Any]:
        """Fill the defaults into the object itself."""
        filled: dict[str, Any] = _default(obj, self.schema)
        return filled

    def prune(self, obj: dict[str, Any]) -> dict[str, Any]:
        """A copy without the fields that the schema does not have."""
        pruned: dict[str, Any] = _prune(obj, self.schema)
        # What metadata may hold is the API server's, not the schema's.
        return {**pruned, **({"metadata": copy.deepcopy(obj["metadata"])} if "metadata" in obj else {})}

    def unknown_fields(self, obj: dict[str, Any]) -> list[FieldError]:
        """An error for each field that the schema does not have."""
        metadata = obj.get("metadata")
        found = list(_unknown({key: value for key, value in obj.items() if key != "metadata"}, self.schema, ""))
        if isinstance(metadata, dict):
            known = list(METADATA_FIELDS)
            found += [errors.unknown(f"metadata.{key}", key, known) for key in metadata if key not in known]
        return found

    def validate(
        self, obj: dict[str, Any], old: dict[str, Any] | None = None, *, strict: bool = True
    ) -> list[FieldError]:
        """What is wrong with an object that has its defaults (see `default`); empty when it is accepted.

        What was there before, as it was, is not asked again, so that an object of another version can still be changed
        elsewhere. https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-ratcheting

        Args:
            obj: the object.
            old: the object that it replaces.
            strict: whether an unknown field is an error, as for `kubectl apply`.
        """
        found = self.unknown_fields(obj) if strict else []
        structure = list(_check(obj, ABSENT if old is None else old, self.schema, ""))
        found += structure
        if not any(error.cause in BLOCKING for error in structure):
            found += self._rules.check(obj, old, self.schema)
        return found


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _default(value: Any, schema: Schema) -> Any:
    if isinstance(value, dict):
        for key, inner in schema.get("properties", {}).items():
            if value.get(key) is None:
                if "default" in inner:
                    value[key] = copy.deepcopy(inner["default"])
                else:
                    value.pop(key, None)
            if key in value:
                value[key] = _default(value[key], inner)
    elif isinstance(value, list) and "items" in schema:
        return [_default(item, schema["items"]) for item in value]
    return value


def _prune(value: Any, schema: Schema) -> Any:
    if isinstance(value, dict) and "properties" in schema:
        return {
            key: _prune(inner, schema["properties"][key]) for key, inner in value.items() if key in schema["properties"]
        }
    if isinstance(value, list) and "items" in schema:
        return [_prune(item, schema["items"]) for item in value]
    return copy.deepcopy(value) if isinstance(value, dict | list) else value


def _unknown(value: Any, schema: Schema, path: str) -> Iterator[FieldError]:
    if isinstance(value, dict) and "properties" in schema:
        for key, inner in value.items():
            if key in schema["properties"]:
                yield from _unknown(inner, schema["properties"][key], _join(path, key))
            else:
                yield errors.unknown(_join(path, key), key, list(schema["properties"]))
    elif isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            yield from _unknown(item, schema["items"], f"{path}[{index}]")


def _check(value: Any, old: Any, schema: Schema, path: str) -> Iterator[FieldError]:
    if same(value, old):
        return
    if INT_OR_STRING in schema:
        yield from _check_quantity(value, schema, path)
        return
    expected = schema["type"]
    if not _is_type(value, expected):
        yield errors.wrong_type(path, value, expected)
    elif "enum" in schema and value not in schema["enum"]:
        yield errors.unsupported(path, value, schema["enum"])
    elif expected == "string":
        yield from _check_string(value, schema, path)
    elif expected in ("integer", "number"):
        yield from _check_number(value, schema, path)
    elif expected == "array":
        yield from _check_array(value, old, schema, path)
    elif expected == "object":
        yield from _check_object(value, old, schema, path)


def _check_quantity(value: Any, schema: Schema, path: str) -> Iterator[FieldError]:
    if isinstance(value, str):
        yield from _check_string(value, schema, path)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield from _check_number(value, schema, path)
    else:
        yield errors.wrong_type(path, value, "integer,string")


def _is_type(value: Any, expected: str) -> bool:
    if isinstance(value, bool):
        return expected == "boolean"
    if expected == "integer":
        return isinstance(value, int)
    if expected == "number":
        return isinstance(value, int | float)
    return isinstance(value, {"string": str, "array": list, "object": dict, "boolean": bool}[expected])


def _check_string(value: str, schema: Schema, path: str) -> Iterator[FieldError]:
    if len(value) > schema.get("maxLength", len(value)):
        yield errors.too_long(path, schema["maxLength"])
    if len(value) < schema.get("minLength", 0):
        yield errors.invalid(path, value, f"should be at least {schema['minLength']} chars long")
    pattern = schema.get("pattern")
    # `$` of Python also matches before a last newline, that of the API server does not.
    if pattern and not re.search(re.sub(r"\$$", r"\\Z", pattern), value):
        yield errors.invalid(path, value, f"should match '{pattern}'")
    if schema.get("format") == "date-time" and not _is_time(value):
        yield errors.wrong_type(path, value, "date-time")


def _is_time(value: str) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _check_number(value: float, schema: Schema, path: str) -> Iterator[FieldError]:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and (value < low or (value == low and schema.get("exclusiveMinimum"))):
        bound = "greater than" if schema.get("exclusiveMinimum") else "greater than or equal to"
        yield errors.invalid(path, value, f"should be {bound} {low}")
    if high is not None and (value > high or (value == high and schema.get("exclusiveMaximum"))):
        bound = "less than" if schema.get("exclusiveMaximum") else "less than or equal to"
        yield errors.invalid(path, value, f"should be {bound} {high}")


def _check_array(value: list[Any], old: Any, schema: Schema, path: str) -> Iterator[FieldError]:
    if len(value) > schema.get("maxItems", len(value)):
        yield errors.too_many(path, len(value), schema["maxItems"])
    if len(value) < schema.get("minItems", 0):
        yield errors.invalid(path, len(value), f"should have at least {schema['minItems']} items")
    for index, item in enumerate(value):
        yield from _check(item, correlated(item, old, schema), schema["items"], f"{path}[{index}]")
    names = schema.get("x-kubernetes-list-map-keys", ())
    seen = []
    for index, item in enumerate(value if names else ()):
        key = {name: item.get(name) for name in names} if isinstance(item, dict) else None
        if key is not None and key in seen:
            yield errors.duplicate(f"{path}[{index}]", key)
        seen.append(key)


def _check_object(value: dict[str, Any], old: Any, schema: Schema, path: str) -> Iterator[FieldError]:
    for key in schema.get("required", ()):
        if key not in value:
            yield errors.required(_join(path, key))
    if len(value) > schema.get("maxProperties", len(value)):
        yield errors.too_many(path, len(value), schema["maxProperties"])
    values = schema.get("additionalProperties")
    for key, inner in value.items():
        before = old.get(key, ABSENT) if isinstance(old, dict) else ABSENT
        if key in schema.get("properties", {}):
            yield from _check(inner, before, schema["properties"][key], _join(path, key))
        elif isinstance(values, dict):
            yield from _check(inner, before, values, f"{path}[{key}]")
