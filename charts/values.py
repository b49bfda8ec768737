"""`values.py write|check CHART`: values.schema.json and README.md, from the comments and defaults of values.yaml.

The comment above a value documents it. A line `# @schema: NAME` there takes one of SHAPES for its schema, and
`# @schema: {…}` adds to what follows from the default. An object without such a line is closed: it has the values that
are in it, and no other.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

Schema = dict[str, Any]

MARK = "@schema:"
PLACE = "<!-- values -->\n"
QUANTITY = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$"}
QUANTITIES = {"type": "object", "additionalProperties": {"anyOf": [QUANTITY, {"type": "number", "minimum": 0}]}}
PART = {"type": "object"}
PARTS = {"type": "array", "items": PART}


def closed(**properties: Schema) -> Schema:
    """An object with these properties and no other."""
    return {"type": "object", "additionalProperties": False, "properties": properties}


TEXT, NUMBER = {"type": "string"}, {"type": "integer"}
SHAPES: dict[str, Schema] = {
    # Parts of a pod: the API server knows their schema, and it may grow.
    "part": PART,
    "parts": PARTS,
    "affinity": closed(nodeAffinity=PART, podAffinity=PART, podAntiAffinity=PART),
    "resources": closed(requests=QUANTITIES, limits=QUANTITIES, claims=PARTS),
    "tolerations": {
        "type": "array",
        "items": closed(key=TEXT, operator=TEXT, value=TEXT, effect=TEXT, tolerationSeconds=NUMBER),
    },
    "strings": {"type": "object", "additionalProperties": TEXT},
    "names": {"type": "array", "items": {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"}},
    "users": {"type": "array", "items": {"type": "string", "minLength": 1}},
    "references": {"type": "array", "items": closed(name={"type": "string", "minLength": 1}) | {"required": ["name"]}},
    "quantity": QUANTITY,
    "cpus": {
        "anyOf": [
            {"type": "integer", "minimum": 0, "maximum": 9999},
            {"type": "string", "pattern": "^([0-9]{1,4}(\\.[0-9]{1,3})?|[0-9]{1,7}m)$"},
        ]
    },
    "intOrPercent": {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^[0-9]+%$"}]},
}
TYPES = {bool: "boolean", int: "integer", str: "string"}


class Undocumented(Exception):
    """A value without a comment, or of a shape that does not follow from its default."""


@dataclass
class Value:
    """A value of values.yaml, or a section of them."""

    path: tuple[str, ...]
    text: str
    default: Any
    extra: Schema
    members: list[Value] = field(default_factory=list)

    @property
    def name(self) -> str:
        """As `--set` takes it."""
        return ".".join(self.path)

    def leaves(self) -> Iterator[Value]:
        """The values below, or this one."""
        if not self.members:
            yield self
        for member in self.members:
            yield from member.leaves()

    def schema(self) -> Schema:
        """Its JSON Schema."""
        about = {"description": self.text} if self.text else {}
        if self.members:
            return about | closed(**{member.path[-1]: member.schema() for member in self.members})
        known = self.extra
        if not {"type", "anyOf", "enum"} & known.keys():
            if type(self.default) not in TYPES:
                raise Undocumented(f"{self.name}: say its shape in a line `# {MARK} …`")
            known = {"type": TYPES[type(self.default)], **known}
        return about | known | {"default": self.default}


def read(text: str) -> list[Value]:
    """The values of a values.yaml."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode)
    return _members(root, (), text.splitlines())


def _members(node: yaml.MappingNode, path: tuple[str, ...], lines: list[str]) -> list[Value]:
    return [_value(key, node, (*path, key.value), lines) for key, node in node.value]


def _value(key: yaml.Node, node: yaml.Node, path: tuple[str, ...], lines: list[str]) -> Value:
    comment: list[str] = []
    above = key.start_mark.line - 1
    while above >= 0 and lines[above].lstrip().startswith("#"):
        comment.insert(0, lines[above].strip().removeprefix("#").strip())
        above -= 1
    marks = [line.removeprefix(MARK).strip() for line in comment if line.startswith(MARK)]
    said = [yaml.safe_load(mark) for mark in marks]
    extra = {name: value for one in said for name, value in (SHAPES[one] if isinstance(one, str) else one).items()}
    text = " ".join(line for line in comment if not line.startswith(MARK))
    default = yaml.safe_load(yaml.serialize(node))
    value = Value(path, text, default, extra)
    if isinstance(node, yaml.MappingNode) and node.value and not said:
        value.members = _members(node, path, lines)
    elif not text:
        raise Undocumented(f"{value.name}: write a comment above it")
    return value


def schema(values: list[Value]) -> str:
    """The text of values.schema.json."""
    root = closed(**{value.path[-1]: value.schema() for value in values})
    # Helm gives these two to a chart that is a part of another.
    root["properties"]["global"] = {"description": "Values of the chart that this one is a part of.", **PART}
    root["properties"]["enabled"] = {"description": "Whether that chart takes this one in.", "type": "boolean"}
    draft = {"$schema": "http://json-schema.org/draft-07/schema#", "title": "Values of the chart penstock"}
    return json.dumps(draft | root, indent=2, ensure_ascii=False) + "\n"


def readme(values: list[Value], template: str) -> str:
    """The text of README.md."""
    if PLACE not in template:
        raise Undocumented(f"README.template.md has no line {PLACE.strip()}")
    sections = [_section("General", "", [value for value in values if not value.members])]
    sections += [_section(f"`{value.name}`", value.text, list(value.leaves())) for value in values if value.members]
    return template.replace(PLACE, "\n".join(sections))


def _section(title: str, text: str, values: list[Value]) -> str:
    rows = [f"| `{value.name}` | `{_short(value.default)}` | {_cell(value.text)} |\n" for value in values]
    about = f"{text}\n\n" if text else ""
    return f"### {title}\n\n{about}| value | default | what it is |\n|---|---|---|\n{''.join(rows)}"


def _short(default: Any) -> str:
    return _cell(json.dumps(default, ensure_ascii=False))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def generate(chart: Path) -> dict[Path, str]:
    """The generated files of a chart, with their text."""
    values = read((chart / "values.yaml").read_text(encoding="utf-8"))
    template = (chart / "README.template.md").read_text(encoding="utf-8")
    return {chart / "values.schema.json": schema(values), chart / "README.md": readme(values, template)}


def main(arguments: list[str] | None = None) -> int:
    """Write or check; the exit code is 1 when a file differs."""
    parser = argparse.ArgumentParser(prog="python charts/values.py", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("command", choices=("write", "check"))
    parser.add_argument("chart", type=Path)
    options = parser.parse_args(arguments)
    files = generate(options.chart)
    if options.command == "write":
        for path, text in files.items():
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"{path}\n")
        return 0
    drifted = [path for path, text in files.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    sys.stdout.write("".join(f"{path}: differs from values.yaml: run `make generate`\n" for path in drifted))
    return 1 if drifted else 0


if __name__ == "__main__":
    sys.exit(main())
