"""The command as users run it, and proof that it leaves no process behind."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from penstock import Client
from penstock.cli.stack import Stack
from penstock.serving import GatewayClient

PENSTOCK = [sys.executable, "-m", "penstock.cli"]


@dataclass
class User:
    """Somebody at a shell, in a folder with a stack of its own."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / ".penstock"

    @property
    def stack(self) -> Stack:
        return Stack.at(self.home)

    @property
    def env(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if "KUBE" not in name}

    def start(self, *words: str) -> subprocess.Popen[str]:
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen([*PENSTOCK, *words], cwd=self.folder, env=self.env, text=True, **pipes)

    def penstock(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [*PENSTOCK, *words]
        return subprocess.run(
            command, cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=280, check=False
        )

    def client(self) -> Client:
        return Client(self.home / "kubeconfig")

    def gateway(self) -> GatewayClient:
        return GatewayClient(self.stack.addresses()["gateway"])

    def project(self, code: str, name: str = "job", **spec: Any) -> str:
        """A folder with a job of this code; its path."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        (folder / "train.py").write_text(code)
        body = {"source": {"type": "Path", "path": "."}, "entrypoint": "train.py", "retry": {"limit": 0}, **spec}
        job = {"apiVersion": "penstock.dev/v1alpha1", "kind": "TrainingJob", "metadata": {"name": name}, "spec": body}
        (folder / "job.yaml").write_text(yaml.safe_dump(job))
        return str(folder)

    def processes(self) -> list[psutil.Process]:
        """Those of the stack: its logs, or Ray's folder, are on their command lines."""
        digest = hashlib.sha256(str(self.home.resolve()).encode()).hexdigest()[:8]
        marks = (str(self.home), f"penstock-{digest}")
        found = []
        for process in psutil.process_iter(["cmdline", "status"]):
            command = " ".join(process.info["cmdline"] or [])
            if any(mark in command for mark in marks) and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process)
        return found


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    user = User(tmp_path_factory.mktemp("user"))
    yield user
    down = user.penstock("down")
    assert down.returncode == 0, down.stderr
    assert [process.cmdline() for process in user.processes()] == []
