"""The gateway over TLS, as a process: whom it convinces, and how it changes its certificate."""

from __future__ import annotations

import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
from authority import DAY, Authority
from cryptography import x509

from penstock.cli import services
from penstock.client.config import Address
from penstock.gateway.tls import Certificate
from penstock.serving import GatewayClient, GatewayUnavailable
from penstock_operator.local.stack.sockets import free_port

Start = Callable[..., int]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.fixture
def start(env: dict[str, str], authority: Authority) -> Iterator[Start]:
    """Starts a gateway with the certificate and key of a folder; returns its port."""
    processes = []

    def started(secret: Path, *flags: str) -> int:
        port = free_port()
        files = ("--tls-cert", str(secret / "tls.crt"), "--tls-key", str(secret / "tls.key"))
        line = [sys.executable, "-m", "penstock.gateway", "--port", str(port), *files, *flags]
        processes.append(process := subprocess.Popen(line, env=env))
        deadline = time.monotonic() + 60
        while socket.socket().connect_ex(("127.0.0.1", port)):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        return port

    started.processes = processes  # type: ignore[attr-defined]
    yield started
    for process in processes:
        process.kill()
        process.wait()


def mounted(folder: Path, version: str) -> Path:
    """Point `..data` at a version, as the kubelet does, in one step."""
    (folder / "..new").symlink_to(folder / version)
    (folder / "..new").replace(folder / "..data")
    for name in ("tls.crt", "tls.key"):
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    return folder


def served(port: int, authority: Authority) -> int:
    """The serial number of the certificate that a new connection gets."""
    context = ssl.create_default_context(cafile=authority.certificate)
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        der = connection.getpeercert(binary_form=True)
    assert der is not None
    return x509.load_der_x509_certificate(der).serial_number


def serial(path: Path) -> int:
    return x509.load_pem_x509_certificate(path.read_bytes()).serial_number


def test_a_renewed_certificate_is_served_and_no_query_is_lost(
    start: Start, authority: Authority, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    for version in ("..1", "..2", "..3"):
        authority.issue(secret / version)
    (secret / "..3" / "tls.key").write_text((secret / "..1" / "tls.key").read_text())
    port = start(mounted(secret, "..1"))
    before = serial(secret / "..1" / "tls.crt")
    assert served(port, authority) == before
    ended, failed, asked = threading.Event(), list[str](), [0]

    def ask(new_connections: bool) -> None:
        context = ssl.create_default_context(cafile=authority.certificate)
        limits = httpx2.Limits(max_keepalive_connections=0) if new_connections else httpx2.Limits()
        with httpx2.Client(verify=context, limits=limits, trust_env=False) as client:
            while not ended.is_set():
                try:
                    answer = client.get(f"https://localhost:{port}/v1")
                    if (answer.status_code, answer.json()) != (200, []):
                        failed.append(answer.text)
                except httpx2.HTTPError as error:
                    failed.append(repr(error))
                asked[0] += 1

    threads = [threading.Thread(target=ask, args=(new,)) for new in (False, True)]
    for thread in threads:
        thread.start()
    try:
        time.sleep(0.5)
        mounted(secret, "..2")
        after = serial(secret / "..2" / "tls.crt")
        assert served(port, authority) == after != before
        time.sleep(0.5)
        # One whose key does not fit is not served, and what is served stays.
        mounted(secret, "..3")
        assert served(port, authority) == after
        mounted(secret, "..1")
        assert served(port, authority) == before
        time.sleep(0.5)
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert (failed, asked[0] > 50) == ([], True)


def test_the_sdk_trusts_whom_it_is_told_to(
    start: Start, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.issue(tmp_path / "secret")
    url = f"https://localhost:{start(tmp_path / 'secret')}"
    with GatewayClient(url, ca=authority.certificate) as client:
        assert client.materializations() == []
    with (
        GatewayClient(url) as client,
        pytest.raises(GatewayUnavailable, match=r"its certificate is not trusted \(unable to get local issuer"),
    ):
        client.materializations()
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    with GatewayClient(url) as client:
        assert client.materializations() == []


async def test_doctor_tells_what_is_wrong_with_the_certificate(
    start: Start, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.issue(tmp_path / "good")
    authority.issue(tmp_path / "ended", -30 * DAY, -DAY)
    good = Address(f"https://127.0.0.1:{start(tmp_path / 'good')}")
    port = start(tmp_path / "ended")
    ended = Address(f"https://127.0.0.1:{port}", authority.certificate.read_text())
    assert (await services.gateway_at(good._replace(authorities=ended.authorities))).passed
    untrusted = await services.gateway_at(good)
    assert (untrusted.passed, "its certificate is not trusted" in untrusted.text) == (False, True)
    assert untrusted.remedy == "renew it, or name its authority by PENSTOCK_GATEWAY_CA"
    expired = await services.gateway_at(ended)
    assert (expired.passed, "(certificate has expired)" in expired.text) == (False, True)
    monkeypatch.setenv("PENSTOCK_GATEWAY_CA", str(authority.certificate))
    assert (await services.gateway_at(good)).passed
    monkeypatch.setenv("PENSTOCK_GATEWAY_CA", str(tmp_path / "absent"))
    assert "cannot be read" in (await services.gateway_at(good)).text


def test_on_sigterm_it_ends_in_time_though_a_client_keeps_its_connection(
    start: Start, authority: Authority, tmp_path: Path
) -> None:
    authority.issue(tmp_path / "secret")
    port = start(tmp_path / "secret", "--drain-seconds", "0.5", "--grace-seconds", "3")
    (process,) = start.processes  # type: ignore[attr-defined]
    context = ssl.create_default_context(cafile=authority.certificate)
    with httpx2.Client(verify=context, trust_env=False) as client:
        assert client.get(f"https://localhost:{port}/healthz").is_success
        process.send_signal(signal.SIGTERM)
        assert process.wait(8) == 0


def test_a_certificate_whose_renewal_is_overdue_is_told_of(authority: Authority, tmp_path: Path) -> None:
    certificate = Certificate(*authority.issue(tmp_path / "secret", -80 * DAY, 10 * DAY))
    now = datetime.now(UTC)
    assert certificate.problem(now) is None
    assert "and was not renewed" in (certificate.problem(now + 2 * DAY) or "")
    assert "has ended on" in (certificate.problem(now + 11 * DAY) or "")


def test_it_does_not_start_without_a_certificate_that_fits(
    env: dict[str, str], authority: Authority, tmp_path: Path
) -> None:
    certificate, _ = authority.issue(tmp_path / "one")
    _, other = authority.issue(tmp_path / "other")
    for flags, said in (
        (["--tls-cert", str(certificate)], "--tls-cert and --tls-key belong together"),
        (["--tls-cert", str(certificate), "--tls-key", str(other)], "KEY_VALUES_MISMATCH"),
        (["--tls-cert", str(tmp_path / "absent"), "--tls-key", str(other)], "No such file"),
    ):
        line = [sys.executable, "-m", "penstock.gateway", *flags]
        done = subprocess.run(line, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, said in done.stderr) == (2, True), done.stderr
