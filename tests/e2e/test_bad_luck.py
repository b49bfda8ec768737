"""What bad code and bad luck do to jobs on the local stack."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from penstock.api import Materialization, TrainingJob, TrainingRun
from penstock.serving import GatewayUnavailable

EXAMPLES = Path(__file__).parents[2] / "examples"
SLOW = """
import time, penstock.train
run = penstock.train.current()
run.write_features("features", {"id": [1]}, entity_keys=["id"])
for step in range(int(run.params.get("steps", "40"))):
    run.report(step, total=40)
    time.sleep(0.5)
"""
CHECKPOINTED = """
import os, signal, penstock.train
run = penstock.train.current()
found = run.latest_checkpoint()
first = found[0] + 1 if found else 0
for step in range(first, 6):
    run.checkpoint(step, {"state": bytes([step])})
    if step == 2 and found is None:
        os.kill(os.getpid(), signal.SIGKILL)
run.report(6, total=6, first=first)
"""

pytestmark = [pytest.mark.e2e, pytest.mark.ray]


@pytest.fixture(scope="module", autouse=True)
def up(user: Any) -> None:
    started = user.penstock("up")
    assert started.returncode == 0, started.stderr


def eventually(what: Callable[[], Any], seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return found


def job_status(user: Any, name: str) -> Any:
    with user.client() as client:
        return client.get(TrainingJob, name).status


def test_a_failing_entrypoint_says_why_and_leaves_no_run(user: Any) -> None:
    done = user.penstock("run", "-f", user.project("raise ValueError('the learning rate is a lemon')", "lemon"))
    assert done.returncode == 1
    assert "the learning rate is a lemon" in done.stderr
    assert "What to do: Mend the code" in done.stderr
    assert list(user.home.glob("artifacts/default/lemon/**/manifest.json")) == []
    logged = user.penstock("logs", "trainingjob/lemon")
    assert "the learning rate is a lemon" in logged.stdout


def test_a_hang_is_ended_by_the_deadline_and_a_missing_output_is_named(user: Any) -> None:
    hung = user.penstock("run", "-f", user.project("import time; time.sleep(1000)", "hung", attemptDeadlineSeconds=2))
    assert hung.returncode == 1
    assert "attemptDeadlineSeconds" in hung.stderr
    lacking = user.project("pass", "lacking", outputs=[{"name": "features", "kind": "Features"}])
    done = user.penstock("run", "-f", lacking)
    assert "'features' (Features) was declared and not written" in done.stderr


def test_bad_specs_are_refused_with_the_field(user: Any) -> None:
    done = user.penstock("apply", "-f", user.project("pass", "bad", wrokers={"count": 2}))
    assert done.returncode == 5
    assert 'unknown field "spec.wrokers"' in done.stderr


def test_a_killed_worker_is_retried_from_its_checkpoint(user: Any) -> None:
    spec = {"retry": {"limit": 1, "backoffSeconds": 0}}
    done = user.penstock("run", "-f", user.project(CHECKPOINTED, "killed", **spec))
    assert done.returncode == 0, done.stderr
    status = job_status(user, "killed")
    assert [attempt.state for attempt in status.attempts] == ["Failed", "Succeeded"]
    assert status.attempts[1].resume_from == status.attempts[0].run
    with user.client() as client:
        run = client.get(TrainingRun, status.latest_run)
    assert {metric.name: float(metric.value) for metric in run.spec.metrics} == {"first": 3}
    assert run.spec.resumed_from == status.attempts[0].run


def test_a_killed_control_plane_leaves_the_attempt_running_and_its_successor_finds_it(user: Any) -> None:
    applied = user.penstock("apply", "-f", user.project(SLOW, "slow"))
    assert applied.returncode == 0, applied.stderr
    eventually(lambda: (p := job_status(user, "slow").progress) is not None and p.step >= 2)
    before = {process.pid for process in user.processes()}
    killed = user.stack.pid()
    os.kill(killed, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(killed)] if psutil.pid_exists(killed) else [], timeout=10)
    assert user.penstock("up").returncode == 0
    assert before - {killed} <= {process.pid for process in user.processes()}
    with user.client() as client:
        job = client.wait(TrainingJob, "slow", "Succeeded", timeout=60)
    assert [attempt.state for attempt in job.status.attempts] == ["Succeeded"]


def test_milvus_and_the_gateway_are_started_again_when_they_are_killed(user: Any) -> None:
    done = user.penstock("run", "-f", str(EXAMPLES / "hello"))
    assert done.returncode == 0, done.stderr

    def answers() -> bool:
        with user.gateway() as gateway:
            try:
                return len(gateway.search("default", "hello", "points", vectors=[[0.0] * 8], k=3).results[0]) == 3
            except GatewayUnavailable:
                return False

    eventually(answers)
    for server in ("milvus", "gateway"):
        pid = json.loads((user.home / "logs" / f"{server}.pid").read_text())[0]
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: not answers(), 10)
        eventually(answers, 60)
    with user.client() as client:
        assert client.get(Materialization, "hello").status.active is not None
