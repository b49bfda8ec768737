"""Servers of our own on loopback, for as long as a block lasts."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from loopback import free_ports

START_SECONDS = 90


@contextmanager
def served(command: Sequence[str], ready: Callable[[], bool], log: Path) -> Iterator[None]:
    """Run a server until the block ends."""
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            assert process.poll() is None, f"{command[0]} ended: {log.read_text()[-2000:]}"
            assert time.monotonic() < deadline, f"{command[0]} is not ready: {log.read_text()[-2000:]}"
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def redis_server() -> Iterator[str]:
    """The connection string of a Redis, as Feast writes it."""
    if (program := shutil.which("redis-server")) is None:
        pytest.skip("redis-server is not installed (Debian's package redis-server)")
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        with served(command, lambda: listens(port), Path(folder) / "log"):
            yield f"127.0.0.1:{port}"
