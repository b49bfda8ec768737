"""The main job, as `make demo` runs it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from penstock.api import Materialization

EXAMPLES = Path(__file__).parents[2] / "examples"

pytestmark = [pytest.mark.e2e, pytest.mark.ray]


def test_digits_is_trained_on_two_workers_served_retrained_and_rolled_back(user: Any) -> None:
    done = user.penstock("run", "-f", str(EXAMPLES / "digits"))
    assert done.returncode == 0, done.stderr
    (manifest,) = user.home.glob("artifacts/default/digits/*/manifest.json")
    made = json.loads(manifest.read_text())
    assert made["metrics"]["accuracy"] > 0.95
    assert {output["name"]: output["rows"] for output in made["outputs"]} == {
        "features": 1797,
        "embeddings": 1437,
        "encoder": 0,
    }
    (embeddings,) = (output for output in made["outputs"] if output["name"] == "embeddings")
    assert len(embeddings["files"]) == 2
    assert f"materialization/digits: run {made['run']} is live" in done.stdout
    assert len(re.findall(r"gate .*: passed", done.stdout)) == 5

    demo = [sys.executable, str(EXAMPLES / "digits" / "demo.py")]
    shown = subprocess.run(
        demo, cwd=user.folder, env=user.env, capture_output=True, text=True, timeout=280, check=False
    )
    assert shown.returncode == 0, shown.stdout + shown.stderr
    found = re.search(r"(\d+) answers meanwhile: (\d+) of run (\S+), (\d+) of run (\S+);", shown.stdout)
    assert found is not None
    assert min(int(found[2]), int(found[4])) > 0
    assert "0 mixed two runs, 0 failed" in shown.stdout
    accuracies = [float(text) for text in re.findall(r"accuracy.*through the gateway: ([\d.]+)", shown.stdout)]
    assert len(accuracies) == 2
    assert min(accuracies) > 0.95
    with user.client() as client:
        status = client.get(Materialization, "digits").status
    assert (status.active.run, status.previous.run) == (found[3], found[5])
    queried = user.penstock(
        "query", "vectors", "digit-images", "--input", "@.penstock/image.json", "-k", "3", "-o", "json"
    )
    assert json.loads(queried.stdout)["run"] == found[3]


def test_hello_is_served_beside_it(user: Any) -> None:
    done = user.penstock("run", "-f", str(EXAMPLES / "hello"))
    assert done.returncode == 0, done.stderr
    answer = user.penstock("query", "features", "lengths", "id=3", "-o", "json")
    assert json.loads(answer.stdout)["rows"][0]["length"] > 0
    hits = user.penstock("query", "vectors", "points", "--vector", str([0.0] * 8), "-k", "3", "--join", "lengths")
    assert hits.returncode == 0, hits.stderr
    assert len(hits.stdout.splitlines()) == 5
