"""The gateway as a process: what it refuses to start with, and how it stops."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from penstock_operator.local.stack.sockets import free_port

BODY = b'{"entities": [{"id": 1}]}'


def command(*flags: str) -> list[str]:
    return [sys.executable, "-m", "penstock.gateway", *flags]


@pytest.fixture
def gateway(env: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], int]]:
    port = free_port()
    line = command("--port", str(port), "--drain-seconds", "1.5", "--grace-seconds", "10")
    process = subprocess.Popen(line, env=env, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 60
        while True:
            assert process.poll() is None
            assert time.monotonic() < deadline
            try:
                if httpx2.get(f"http://127.0.0.1:{port}/healthz", trust_env=False).is_success:
                    break
            except httpx2.HTTPError:
                time.sleep(0.1)
        yield process, port
    finally:
        process.kill()
        process.communicate()


def test_on_sigterm_it_turns_red_answers_on_ends_what_it_began_and_leaves_with_0(
    gateway: tuple[subprocess.Popen[str], int],
) -> None:
    process, port = gateway
    url = f"http://127.0.0.1:{port}"
    with socket.create_connection(("127.0.0.1", port)) as begun:
        about = f"Host: x\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}"
        head = f"POST /v1/a/b/features/c HTTP/1.1\r\n{about}\r\n\r\n"
        begun.sendall(head.encode() + BODY[:5])
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        red = httpx2.get(f"{url}/readyz", trust_env=False)
        assert (red.status_code, red.json()["message"]) == (503, "The gateway is stopping")
        answered = httpx2.get(f"{url}/v1", trust_env=False)
        assert (answered.json(), answered.headers["connection"]) == ([], "close")
        time.sleep(1.8)
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(f"{url}/healthz", trust_env=False)
        assert process.poll() is None
        begun.sendall(BODY[5:])
        answer = b"".join(iter(lambda: begun.recv(4096), b""))
        assert b"whether there is a materialization a/b: the Kubernetes API has not answered yet" in answer
    assert process.wait(5) == 0


def test_it_listens_for_others_only_when_told_who_may_ask(env: dict[str, str], tmp_path: Path) -> None:
    for flags, said in (
        (["--host", "0.0.0.0"], "--auth is required on 0.0.0.0"),
        (["--auth", "static-keys", "--keys", str(tmp_path / "absent")], "absent"),
    ):
        done = subprocess.run(command(*flags), env=env, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, said in done.stderr) == (2, True), done.stderr
