"""Every verb explains itself with an example, fast, and without colour or boxes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from penstock.cli.app import app
from penstock.cli.exits import MEANINGS

VERBS = (
    *("run", "up", "down", "apply", "get", "describe", "logs", "wait", "promote", "rollback", "suspend", "resume"),
    *("rerun", "delete", "doctor", "init", "version"),
    *("query.features", "query.vectors", "crds.print", "crds.check"),
)


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield ".".join(path)
        return
    for name, one in inner.items():
        yield from commands(one, (*path, name))


def test_the_verbs_are_these() -> None:
    assert sorted(commands(typer.main.get_command(app))) == sorted(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_help_with_an_example(verb: str) -> None:
    words = verb.split(".")
    done = CliRunner().invoke(app, [*words, "--help"], prog_name="penstock")
    assert done.exit_code == 0
    assert f"penstock {' '.join(words)}" in done.stdout.split("Example:", 1)[1]
    assert done.stdout.isascii() or not set(done.stdout) & set("╭─╮│╰╯\x1b")


def test_the_help_lists_the_exit_codes_and_is_fast_to_make() -> None:
    code = (
        "import sys; from penstock.cli.app import app; "
        "print([n for n in ('kubernetes', 'pydantic', 'httpx2', 'yaml', 'rich') if n in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert loaded.stdout.strip() == "[]"
    shown = CliRunner().invoke(app, ["--help"], prog_name="penstock").stdout
    for number, meaning in MEANINGS.items():
        assert f"{number:>5}  {meaning}" in shown


def test_the_page_of_the_docs_names_every_verb_and_exit_code() -> None:
    page = (Path(__file__).parents[3] / "docs" / "cli.md").read_text()
    for verb in VERBS:
        assert f"penstock {verb.replace('.', ' ')}" in page, verb
    for number, meaning in MEANINGS.items():
        assert f"| {number} | {meaning} |" in page
