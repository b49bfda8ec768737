"""What a type checker sees of the clients: whole signatures, though they are written once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mypy import api

PROGRAM = """
from collections.abc import Iterator

from penstock import AsyncClient, Client
from penstock.api import Materialization, TrainingJob
from penstock.client import Change


async def awaited(client: AsyncClient) -> None:
    job: TrainingJob = await client.get(TrainingJob, "digits", namespace="search")
    jobs: list[TrainingJob] = await client.list(TrainingJob, labels={"a": "b"})
    async for change in client.watch(TrainingJob):
        seen: Change[TrainingJob] = change


def blocking(client: Client) -> None:
    job: TrainingJob = client.get(TrainingJob, "digits")
    changes: Iterator[Change[TrainingJob]] = client.watch(TrainingJob, "digits")
    served: Materialization = client.promote("digits", namespace="search")
    client.get(TrainingJob)  # error: call-arg
    client.get(TrainingJob, "digits", nmespace="search")  # error: call-arg
    client.get(int, "digits")  # error: type-var
    client.delete(TrainingJob, 1)  # error: arg-type
    text: str = client.get(TrainingJob, "digits")  # error: assignment
"""


def test_a_wrong_call_is_an_error_and_a_right_one_has_its_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    root = Path(__file__).parents[3]
    monkeypatch.setenv("MYPYPATH", f"{root / 'operator'}:{root / 'platform'}")
    monkeypatch.chdir(root)
    options = ["--strict", "--no-error-summary", "--cache-dir", str(tmp_path / "cache"), "--config-file", ""]
    said, problems, _ = api.run([*options, "--follow-imports", "silent", "--ignore-missing-imports", str(program)])
    assert problems == ""
    found = {(int(line), code) for line, code in re.findall(r"program\.py:(\d+): error: .*\[([a-z-]+)\]", said)}
    lines = enumerate(PROGRAM.splitlines(), 1)
    assert found == {(number, line.split("# error: ")[1]) for number, line in lines if "# error: " in line}, said
