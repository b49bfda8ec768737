"""`penstock version`."""

from __future__ import annotations

import platform as machine
from enum import StrEnum
from typing import Annotated

import typer

from penstock.cli.output import as_json, as_yaml, say


class Format(StrEnum):
    """How the versions are printed."""

    TEXT = "text"
    YAML = "yaml"
    JSON = "json"


def version(
    output: Annotated[Format, typer.Option("-o", "--output", help="Form of the output.")] = Format.TEXT,
) -> None:
    """Print the versions of penstock, of its API and of Python."""
    from penstock import __version__
    from penstock.api import API_VERSION

    found = {"penstock": __version__, "api": API_VERSION, "python": machine.python_version()}
    if output is Format.TEXT:
        say("\n".join(f"{name + ':':<10} {value}" for name, value in found.items()))
    else:
        say(as_yaml(found) if output is Format.YAML else as_json(found))
