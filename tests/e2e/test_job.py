"""Jobs on the local stack, as a user runs them, and what bad luck does to them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from penstock_operator.local.store import ObjectStore

ROOT = Path(__file__).parents[2]
RUN = [sys.executable, str(ROOT / "examples" / "run.py")]
STACK = [sys.executable, "-m", "penstock_operator.local"]

pytestmark = [pytest.mark.e2e, pytest.mark.ray]


def run_job(folder: Path, home: Path) -> subprocess.CompletedProcess[str]:
    command = [*RUN, str(folder), "--home", str(home)]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)


def written(folder: Path, code: str, **spec: Any) -> Path:
    folder = folder / "project"
    folder.mkdir(exist_ok=True)
    (folder / "train.py").write_text(code)
    manifest = folder / "job.yaml"
    body = {"source": {"path": "."}, "entrypoint": "train.py", "retry": {"limit": 0}, **spec}
    job = {"apiVersion": "penstock.dev/v1alpha1", "kind": "TrainingJob", "metadata": {"name": "job"}, "spec": body}
    manifest.write_text(yaml.safe_dump(job))
    return folder


def ray_processes(home: Path) -> list[psutil.Process]:
    log = str(home / "logs")
    found = []
    for process in psutil.process_iter(["cmdline", "environ"]):
        command = " ".join(process.info["cmdline"] or [])
        if log in command or f"penstock-{digest(home)}" in command:
            found.append(process)
    return found


def digest(home: Path) -> str:
    import hashlib

    return hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:8]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    home = tmp_path / "home"
    yield home
    assert ray_processes(home) == []


def test_digits_goes_from_training_on_two_workers_to_a_promoted_run(home: Path) -> None:
    done = run_job(ROOT / "examples" / "digits", home)
    assert done.returncode == 0, done.stderr
    (manifest,) = home.glob("artifacts/default/digits/*/manifest.json")
    made = json.loads(manifest.read_text())
    assert made["metrics"]["accuracy"] > 0.95
    rows = {output["name"]: output["rows"] for output in made["outputs"]}
    assert rows == {"features": 1797, "embeddings": 1437, "encoder": 0}
    (embeddings,) = (output for output in made["outputs"] if output["name"] == "embeddings")
    assert len(embeddings["files"]) == 2
    store = ObjectStore(home / "state.db")
    status = store.get("Materialization", "default", "digits")["status"]
    store.close()
    assert status["active"]["run"] == made["run"]
    assert {output["resource"]: output["rows"] for output in status["active"]["outputs"]} == {
        "digit-features": 1797,
        "digit-images": 1437,
    }
    assert all(gate["passed"] for gate in status["runs"][-1]["gates"])


def test_a_failing_entrypoint_says_why_and_leaves_no_run(home: Path, tmp_path: Path) -> None:
    done = run_job(written(tmp_path, "raise ValueError('the learning rate is a lemon')"), home)
    assert done.returncode == 1
    assert "the learning rate is a lemon" in done.stderr
    assert list(home.glob("artifacts/**/manifest.json")) == []


def test_a_hang_is_ended_by_the_deadline_and_a_missing_output_is_named(home: Path, tmp_path: Path) -> None:
    hung = run_job(written(tmp_path, "import time; time.sleep(1000)", activeDeadlineSeconds=2), home)
    assert hung.returncode == 1
    assert "activeDeadlineSeconds" in hung.stderr
    lacking = written(tmp_path, "pass", outputs=[{"name": "features", "kind": "Features"}])
    done = run_job(lacking, home)
    assert "'features' (Features) was declared and not written" in done.stderr


def test_a_bad_spec_is_refused_with_the_field(home: Path, tmp_path: Path) -> None:
    done = run_job(written(tmp_path, "pass", wrokers={"count": 2}), home)
    assert done.returncode == 1
    assert 'unknown field "spec.wrokers"' in done.stderr


def start(home: Path) -> subprocess.Popen[str]:
    stack = subprocess.Popen([*STACK, "--home", str(home)], stdout=subprocess.PIPE, text=True)
    assert stack.stdout is not None
    assert json.loads(stack.stdout.readline())["pid"] == stack.pid
    return stack


def test_a_second_stack_is_refused_and_a_killed_one_leaves_nothing_to_its_successor(home: Path, tmp_path: Path) -> None:
    first = start(home)
    second = subprocess.run([*STACK, "--home", str(home)], capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode == 3
    assert "runs in" in second.stderr
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    orphans = ray_processes(home)
    assert orphans
    done = run_job(ROOT / "examples" / "hello", home)
    assert done.returncode == 0, done.stderr
    assert not any(orphan.is_running() for orphan in orphans)
    store = ObjectStore(home / "state.db")
    job = store.get("TrainingJob", "default", "hello")
    store.close()
    assert [attempt["state"] for attempt in job["status"]["attempts"]] == ["Succeeded"]
