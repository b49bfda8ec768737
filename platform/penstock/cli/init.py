"""`penstock init`."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from penstock.cli.exits import Failed
from penstock.cli.output import say

FILES = ("train.py", "penstock.yaml", "README.md")


def init(folder: Annotated[Path, typer.Argument(help="Folder of the project; made if need be.")] = Path()) -> None:
    """Write a small project that works: training code, a manifest of the six kinds that people write, and a README."""
    there = [str(folder / name) for name in FILES if (folder / name).exists()]
    if there:
        raise Failed(f"{', '.join(there)} is there already and is not overwritten: choose another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            # The suffix keeps linters and test collectors away from what is text here.
            text = (files("penstock.cli") / "project" / f"{name}.txt").read_text()
            (folder / name).write_text(text)
            say(str(folder / name))
    except OSError as error:
        raise Failed(f"{folder} cannot be written: {error}") from error
    say(f"\nTry next:\n  penstock run -f {folder / 'penstock.yaml'}")
