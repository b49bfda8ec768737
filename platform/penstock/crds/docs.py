"""The pages made from the models: reference of the kinds, troubleshooting by condition reason, types of columns."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from penstock.api import API_VERSION, KINDS, Resource
from penstock.api.meta import Reason
from penstock.api.quantities import INT_OR_STRING
from penstock.columns.table import ID_BYTES, ID_TYPES, TEXT_BYTES, ValueType
from penstock.crds.admission import rules as admission_rules
from penstock.crds.definition import crd, openapi
from penstock.crds.schema import Schema

GENERATED = "<!-- Generated from the models in penstock.api by `python -m penstock.crds write`; do not edit. -->\n"


def render() -> dict[str, str]:
    """File name to Markdown text."""
    return {"reference.md": reference(), "troubleshooting.md": troubleshooting(), "types.md": types()}


def write(folder: str | Path) -> list[Path]:
    """Write the pages into the folder and return their paths."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in render().items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in render()]


def drift(folder: str | Path) -> list[str]:
    """How the folder's pages differ from the models, one line for each; empty when they agree."""
    lines = []
    for name, text in render().items():
        path = Path(folder) / name
        if not path.exists():
            lines.append(f"{path}: missing")
        elif path.read_text(encoding="utf-8") != text:
            lines.append(f"{path}: differs from the models")
    return lines


def reference() -> str:
    """Every kind: its fields with type, default and meaning, its rules, conditions and printer columns."""
    parts = [
        GENERATED,
        "# Resource reference\n",
        f"All kinds are namespaced and of `{API_VERSION}`; `kubectl get penstock` lists all of them. A field without a",
        "default is absent unless set; one marked *required* must be set.\n",
        "The `penstock` command, the SDK, the local stack and kubectl since 1.27 refuse a field that is not here. From",
        "another client an API server drops it with a warning, unless it asks for `fieldValidation=Strict`.\n",
        *(f"- [{name}](#{name.lower()}): {_line(kind.__doc__)}" for name, kind in KINDS.items()),
        "",
    ]
    for kind in KINDS.values():
        parts += _kind(kind)
    return "\n".join(parts).rstrip() + "\n"


def troubleshooting() -> str:
    """Every reason of every condition: what it means and what to do."""
    parts = [
        GENERATED,
        "# Troubleshooting\n",
        "Find the condition's reason with `penstock describe KIND/NAME` (or `kubectl describe`), and look it up here",
        "by kind. The condition's message says which object, field or value it is about.\n",
    ]
    sections = {"Every kind": Resource.COMMON_CONDITIONS, **{name: kind.CONDITIONS for name, kind in KINDS.items()}}
    for name, conditions in sections.items():
        parts.append(f"## {name}\n")
        for condition, reasons in conditions.items():
            parts += [f"### {condition}\n", f"{_line(reasons.__doc__)}\n", "| Reason | Meaning | What to do |"]
            parts += ["|---|---|---|", *(_reason(reason) for reason in reasons), ""]
    return "\n".join(parts).rstrip() + "\n"


def types() -> str:
    """Every type of a column: what a run may write for it, and what becomes of it."""
    parts = [
        GENERATED,
        "# Types\n",
        "The types of keys, features and scalar fields. An output's column must be of an Arrow type that becomes the",
        "declared one without a loss, also as a dictionary of such values; it is brought to one form before anything",
        "else sees it, so that Feast, Milvus, the index in memory and the gateway give the same value.\n",
        "| Type | Arrow types of an output | Entity key | Feast | Milvus | JSON |",
        "|---|---|---|---|---|---|",
        *(_value_type(type_) for type_ in ValueType),
        "",
        f"- An `id` of embeddings is {' or '.join(map(str, ID_TYPES))}, as text of at most {ID_BYTES} bytes.",
        f"- A text of a scalar field has at most {TEXT_BYTES} bytes.",
        "- Any feature or scalar field may be null; a NaN is null. A key is never null.",
        "- An infinity is refused: JSON has none, and Milvus takes none.",
        "- A whole number stands in JSON with all its digits. A client that reads numbers as doubles loses those of",
        "  numbers beyond 2^53; `penstock.serving` does not.",
        '- A key in a query is of its type exactly: `3.0` and `"3"` are no whole numbers, and a number of more bits',
        "  than the type has is refused (400).",
    ]
    return "\n".join(parts).rstrip() + "\n"


def _value_type(type_: ValueType) -> str:
    row = type_.row
    params = "".join(f", {name} {value}" for name, value in row.milvus_params.items())
    cells = [f"`{type_}`", ", ".join(row.accepts), "yes" if row.key else "no", row.feast, row.milvus + params, row.json]
    return f"| {' | '.join(cells)} |"


def _kind(kind: type[Resource]) -> Iterator[str]:
    schema = openapi(crd(kind))
    names = ", ".join(f"`{name}`" for name in (kind.PLURAL, *kind.SHORT))
    yield f"## {kind.__name__}\n"
    yield f"{_line(kind.__doc__)} `kubectl get` and `penstock get` know it as {names}.\n"
    for part in ("spec", "status"):
        yield f"### {kind.__name__} {part}\n"
        yield f"{schema['properties'][part].get('description', '')}\n"
        yield "| Field | Type | Default | Description |"
        yield "|---|---|---|---|"
        yield from _fields(schema["properties"][part], part)
        yield ""
    # One promise may take a rule for each field.
    rules = dict.fromkeys([*_rules(schema["properties"]["spec"], "spec"), *_admission(kind)])
    if rules:
        yield f"### {kind.__name__} rules\n"
        yield from rules
        yield ""
    yield f"### {kind.__name__} conditions\n"
    yield "What to do about each reason is in [troubleshooting](troubleshooting.md).\n"
    for condition, reasons in (kind.CONDITIONS | kind.COMMON_CONDITIONS).items():
        yield f"- `{condition}`: {', '.join(f'`{reason.value}`' for reason in reasons)}"
    yield ""


def _fields(schema: Schema, path: str) -> Iterator[str]:
    for name, field in schema.get("properties", {}).items():
        here = f"{path}.{name}"
        default = f"`{json.dumps(field['default'])}`" if "default" in field else ""
        if name in schema.get("required", ()):
            default = "*required*"
        yield f"| `{here}` | {_type(field)} | {_cell(default)} | {_cell(field.get('description', ''))} |"
        yield from _fields(field, here)
        yield from _fields(field.get("items", {}), f"{here}[]")


def _type(field: Schema) -> str:
    if "enum" in field:
        return _cell(", ".join(f"`{value}`" for value in field["enum"]))
    if INT_OR_STRING in field:
        return _cell(f"integer, or string, `{field['pattern']}`")
    if field["type"] == "array":
        inner = field["items"]["type"]
        named = f" by {field['x-kubernetes-list-map-keys'][0]}" if "x-kubernetes-list-map-keys" in field else ""
        return f"list of {inner}s{named}, {_bounds(field, 'minItems', 'maxItems')}"
    if field["type"] == "string" and "format" in field:
        return str(field["format"])
    if field["type"] == "string":
        pattern = f", `{field['pattern']}`" if "pattern" in field else ""
        return _cell(f"string, {_bounds(field, 'minLength', 'maxLength')} characters{pattern}")
    bounds = _bounds(field, "minimum", "maximum")
    return f"{field['type']}, {bounds}" if bounds else str(field["type"])


def _bounds(field: Schema, low: str, high: str) -> str:
    least, most = field.get(low), field.get(high)
    if least and most is not None:
        return f"{_number(least)} to {_number(most)}"
    if most is not None:
        return f"at most {_number(most)}" if least is None else f"{_number(least)} to {_number(most)}"
    return f"at least {_number(least)}" if least is not None else ""


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)


def _rules(schema: Schema, path: str) -> Iterator[str]:
    for rule in schema.get("x-kubernetes-validations", ()):
        yield f"- `{path}`: {rule['message']}"
    for name, field in schema.get("properties", {}).items():
        yield from _rules(field, f"{path}.{name}")
        yield from _rules(field.get("items", {}), f"{path}.{name}[]")


def _admission(kind: type[Resource]) -> Iterator[str]:
    for rule in (*admission_rules(kind, "CREATE"), *admission_rules(kind, "UPDATE")):
        yield f"- {rule.message}"
    for rule in admission_rules(kind, "DELETE"):
        yield f"- a deletion may be refused: {rule.message}"


def _reason(reason: Reason) -> str:
    return f"| `{reason.value}` | {_cell(reason.meaning)} | {_cell(reason.remedy)} |"


def _line(text: Any) -> str:
    return " ".join(str(text or "").split())


def _cell(text: str) -> str:
    return _line(text).replace("|", "\\|")
