"""The local stack as a process: up, down, and what Ctrl-C leaves."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from penstock.cli.stack import Stack

COMMAND = [sys.executable, "-m", "penstock.cli"]


def penstock(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if "KUBE" not in name}
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def ray_sessions(home: Path) -> Path:
    digest = hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:8]
    return Path(tempfile.gettempdir()) / f"penstock-{digest}"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    stack = Stack.at(tmp_path / ".penstock")
    if stack.pid() is not None:
        stack.stop()


@pytest.mark.ray
def test_up_and_down(folder: Path) -> None:
    assert penstock("down", folder=folder).returncode == 3
    sessions = ray_sessions(folder / ".penstock")
    for name in ("session_2026-01-01_00-00-00_000000_1", "session_2026-01-02_00-00-00_000000_1"):
        (sessions / name).mkdir(parents=True)
    up = penstock("up", folder=folder)
    assert up.returncode == 0, up.stderr
    stack = Stack.at(folder / ".penstock")
    addresses = json.loads((stack.home / "stack.json").read_text())
    assert addresses["pid"] == stack.pid()
    assert f"(pid {stack.pid()})" in up.stdout.splitlines()[0]
    assert {addresses["api"], addresses["ray"]} <= set(up.stdout.split())
    assert "--kubeconfig" not in up.stdout
    again = penstock("up", folder=folder)
    assert (again.returncode, str(stack.pid()) in again.stderr, str(stack.home) in again.stderr) == (3, True, True)
    inside = folder / "a" / "b"
    inside.mkdir(parents=True)
    assert penstock("get", "all", folder=inside).stderr == "No resources found in default namespace\n"
    first, second = sorted(path.name for path in sessions.glob("session_*-*"))
    assert (first, (sessions / second / "logs").is_dir()) == ("session_2026-01-02_00-00-00_000000_1", True)
    down = penstock("down", folder=folder)
    assert [path.name for path in sessions.glob("session_*-*")] == [second]
    assert (down.returncode, stack.pid(), stack.addresses()) == (0, None, {})
    assert penstock("get", "all", folder=folder).returncode == 7
    assert penstock("down", folder=folder).returncode == 3


@pytest.mark.ray
def test_ctrl_c_stops_the_stack_that_run_started(folder: Path) -> None:
    (folder / "train.py").write_text("import time; time.sleep(1000)")
    spec = {"source": {"type": "Path", "path": "."}, "entrypoint": "train.py"}
    job = {"apiVersion": "penstock.dev/v1alpha1", "kind": "TrainingJob", "metadata": {"name": "job"}, "spec": spec}
    (folder / "job.yaml").write_text(yaml.safe_dump(job))
    run = subprocess.Popen([*COMMAND, "run", "-f", "job.yaml"], cwd=folder, stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    try:
        while "Running" not in run.stdout.readline():
            assert run.poll() is None
        stack = Stack.at(folder / ".penstock")
        assert stack.pid() is not None
        run.send_signal(signal.SIGINT)
        assert run.wait(60) == 130
        assert stack.pid() is None
    finally:
        run.kill()
        run.wait()
        run.stdout.close()


def test_a_stack_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused = penstock("up", "--home", "file/home", folder=tmp_path)
    assert refused.returncode == 1
    assert refused.stderr.startswith("Error: ")


@pytest.mark.parametrize("flag", ["--port", "--gateway-port"])
def test_a_port_that_is_taken_is_told_before_anything_is_started(tmp_path: Path, flag: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        refused = penstock("up", flag, str(port), folder=tmp_path)
    assert refused.returncode == 1
    assert refused.stderr.endswith(f"Error: Port {port} of 127.0.0.1 is taken: choose another with {flag}\n")
    assert [path.name for path in (tmp_path / ".penstock" / "logs").iterdir()] == ["stack.log"]


def test_a_lock_without_a_holder_is_no_stack(tmp_path: Path) -> None:
    stack = Stack.at(tmp_path)
    (tmp_path / "lock").write_text("1")
    assert stack.pid() is None
    holder = "import fcntl, os, time; f = open('lock', 'a+'); fcntl.flock(f, fcntl.LOCK_EX); f.truncate(0); "
    holder += "f.write(str(os.getpid())); f.flush(); print('held', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", holder], cwd=tmp_path, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert stack.pid() == process.pid
        assert stack.stop() == process.pid
        time.sleep(0.1)
        assert stack.pid() is None


@pytest.mark.ray
def test_a_stack_that_is_killed_or_interrupted_while_it_starts_leaves_nothing(folder: Path) -> None:
    stack = Stack.at(folder / ".penstock")
    for ending in (signal.SIGINT, signal.SIGKILL):
        up = subprocess.Popen([*COMMAND, "up"], cwd=folder, stderr=subprocess.DEVNULL)
        try:
            while not (stack.home / "logs" / "ray.pid").exists():
                assert up.poll() is None
                time.sleep(0.01)
            pid = stack.pid()
            assert pid is not None
            if ending is signal.SIGKILL:
                os.kill(pid, ending)
            else:
                up.send_signal(ending)
            assert up.wait(20) == (1 if ending is signal.SIGKILL else 130)
        finally:
            up.kill()
            up.wait()
    assert penstock("down", folder=folder).returncode == 0
    assert not list((stack.home / "logs").glob("*.pid"))
    assert penstock("down", folder=folder).returncode == 3
    assert (stack.home.stat().st_mode & 0o777, (stack.home / "state.db").stat().st_mode & 0o777) == (0o700, 0o600)
