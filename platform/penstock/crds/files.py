"""The CustomResourceDefinitions as files: write them, and say where a folder differs from the models."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from penstock.api import GROUP, KINDS
from penstock.crds.definition import crd

HEADER = "# Generated from the models in penstock.api by `penstock crds print`; do not edit.\n"
MARKS = """\
  labels:
    {{- include "penstock.labels" . | nindent 4 }}
  {{- if .Values.crds.keep }}
  annotations:
    helm.sh/resource-policy: keep
  {{- end }}"""


class _Dumper(yaml.SafeDumper):
    """Lists indented below their key, strings never as aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def dump(document: Any) -> str:
    """YAML text, in the order of the document."""
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)
    return text


def escaped(text: str) -> str:
    """Text that helm leaves as it is."""
    return text.replace("{{", '{{ "{{" }}')


def render() -> dict[str, str]:
    """File name to YAML text, for each kind."""
    return {f"{GROUP}_{kind.PLURAL}.yaml": HEADER + dump(crd(kind)) for kind in KINDS.values()}


def render_templates() -> dict[str, str]:
    """File name to text of a chart's template, for each kind; its values `crds.enabled` and `crds.keep` are asked."""
    return {name: _template(text) for name, text in render().items()}


def write(folder: str | Path, texts: Mapping[str, str] | None = None) -> list[Path]:
    """Write every file into the folder, which is created if need be, and return their paths.

    A file of a kind that has gone, or needs none any more, is removed.

    Args:
        folder: where to.
        texts: by file name; those of `render` unless given.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    expected = render() if texts is None else texts
    for path in folder.glob(f"{GROUP}_*.yaml"):
        if path.name not in expected:
            path.unlink()
    for name, text in expected.items():
        (folder / name).write_text(text, encoding="utf-8")
        written.append(folder / name)
    return written


def drift(folder: str | Path, texts: Mapping[str, str] | None = None) -> list[str]:
    """How the folder's YAML files differ from the models, one line for each; empty when they agree.

    Args:
        folder: where they are.
        texts: by file name; those of `render` unless given.
    """
    folder = Path(folder)
    expected = render() if texts is None else texts
    found = {path.name for path in folder.glob("*.yaml")}
    lines = [f"{folder / name}: missing" for name in sorted(expected.keys() - found)]
    lines += [f"{folder / name}: belongs to no kind" for name in sorted(found - expected.keys())]
    lines += [
        f"{folder / name}: differs from the models"
        for name in sorted(expected.keys() & found)
        if (folder / name).read_text(encoding="utf-8") != expected[name]
    ]
    return lines


def _template(text: str) -> str:
    head, metadata, body = text.partition("\nmetadata:\n")
    name, _, rest = escaped(body).partition("\n")
    return "\n".join(["{{- if .Values.crds.enabled }}", f"{head}{metadata}{name}", MARKS, f"{rest}{{{{- end }}}}\n"])
