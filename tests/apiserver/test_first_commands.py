"""What README.md and the chart's notes tell a user to type first, on a real API server."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.apiserver

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").iterdir())
PAGES = ("README.md", "docs/install.md", "docs/operations.md", "charts/penstock/templates/NOTES.txt")
NAMESPACE = "first-commands"

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def run(server: Any, commands: Callable[[Any], Command], established: Any) -> Command:
    run = commands(server)
    run("kubectl", "create", "namespace", NAMESPACE)
    run("kubectl", "config", "set-context", "--current", f"--namespace={NAMESPACE}")
    for example in EXAMPLES:
        applied = run("kubectl", "apply", "--validate=strict", "-f", str(example))
        assert (applied.returncode, applied.stderr) == (0, ""), example
    return run


def test_each_example_is_all_six_kinds_and_taken_as_it_is(run: Command) -> None:
    listed = run("kubectl", "get", "penstock", "-o", "name")
    assert len(listed.stdout.splitlines()) == 6 * len(EXAMPLES)


def test_what_the_pages_say_of_kubectl_get_works(run: Command) -> None:
    said = {
        words.strip()
        for page in PAGES
        for words in re.findall(r"kubectl get ([a-zA-Z ,-]+)", (ROOT / page).read_text())
        if not re.match(r"pods|crd|events|lease", words)
    }
    assert "materializations -w" in said
    for words in said:
        done = run("kubectl", "get", *words.split(), "--request-timeout=2s")
        assert done.returncode == 0, f"kubectl get {words}: {done.stderr}"
