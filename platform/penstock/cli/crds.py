"""`penstock crds print` and `penstock crds check`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from penstock.cli.exits import Failed
from penstock.cli.output import say


def print_() -> None:
    """Print the CustomResourceDefinitions, for `kubectl apply -f -`."""
    from penstock.crds.files import render

    say("---\n".join(render().values()).rstrip("\n"))


def check(folder: Annotated[Path, typer.Argument(help="Folder of the definitions.")]) -> None:
    """Say where a folder's definitions differ from this version's; exit 1 if they do."""
    from penstock.crds.files import drift

    lines = drift(folder)
    for line in lines:
        say(line)
    if lines:
        raise Failed(f"{folder} differs from penstock's own: write it anew from `penstock crds print`")
