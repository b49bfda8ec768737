"""A real etcd and kube-apiserver, as plain processes on random loopback ports, as envtest starts them."""

from __future__ import annotations

import base64
import json
import os
import secrets
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from penstock.api import KINDS
from penstock.crds import crd

READY_SECONDS = 90
VARIABLE = "KUBEBUILDER_ASSETS"
AUDIT_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Metadata
    userGroups: [system:serviceaccounts]
  - level: None
"""


Command = Callable[..., "subprocess.CompletedProcess[str]"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.apiserver)


def free_ports(count: int) -> list[int]:
    # All are held at once, so that they differ.
    holders = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [holder.getsockname()[1] for holder in holders]
    for holder in holders:
        holder.close()
    return ports


@pytest.fixture(scope="session")
def assets() -> Path:
    folder = os.environ.get(VARIABLE)
    if not folder:
        pytest.skip(f"{VARIABLE} is not set: it names the folder of etcd and kube-apiserver")
    return Path(folder)


@dataclass
class Server:
    """An etcd and an API server of their own, with one user who has every right."""

    assets: Path
    folder: Path
    port: int = 0
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    commands: dict[str, list[str]] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        etcd_port, peer_port, self.port = free_ports(3)
        etcd, peer = f"http://127.0.0.1:{etcd_port}", f"http://127.0.0.1:{peer_port}"
        key, folder = self.folder / "service-accounts.key", self.folder
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
        (folder / "tokens.csv").write_text(f"{self.token},admin,admin,system:masters\n")
        etcd_command = [
            *(self.assets / "etcd", "--data-dir", folder / "etcd", "--unsafe-no-fsync", "--log-level", "warn"),
            *("--listen-client-urls", etcd, "--advertise-client-urls", etcd),
            *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
            *("--initial-cluster", f"default={peer}"),
        ]
        server_command = [
            *(self.assets / "kube-apiserver", "--etcd-servers", etcd),
            *("--bind-address", "127.0.0.1", "--secure-port", str(self.port), "--cert-dir", folder / "certs"),
            *("--token-auth-file", folder / "tokens.csv", "--authorization-mode", "RBAC"),
            *("--service-cluster-ip-range", "10.0.0.0/24"),
            *("--service-account-issuer", "https://kubernetes.default.svc"),
            *("--service-account-key-file", key, "--service-account-signing-key-file", key),
            *("--disable-admission-plugins", "ServiceAccount"),
        ]
        self.commands = {"etcd": [*map(str, etcd_command)], "kube-apiserver": [*map(str, server_command)]}

    @property
    def certificate(self) -> Path:
        return self.folder / "certs" / "apiserver.crt"

    @property
    def audit_log(self) -> Path:
        return self.folder / "audit.log"

    def write_down_service_accounts(self) -> None:
        """Let each request of a service account go to `audit_log`; before the start."""
        policy = self.folder / "policy.yaml"
        policy.write_text(AUDIT_POLICY)
        self.commands["kube-apiserver"] += ["--audit-policy-file", str(policy), "--audit-log-path", str(self.audit_log)]

    def kubeconfig(self) -> dict[str, Any]:
        """Of the user with every right."""
        certificate = base64.b64encode(self.certificate.read_bytes()).decode()
        cluster = {"server": f"https://127.0.0.1:{self.port}", "certificate-authority-data": certificate}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "test", "user": {"token": self.token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "current-context": "test",
        }

    def start(self) -> httpx2.Client:
        """Start what does not run, and wait until it is ready."""
        for name, command in self.commands.items():
            if name not in self.processes:
                with (self.folder / f"{name}.log").open("ab") as log:
                    self.processes[name] = subprocess.Popen(command, stdout=log, stderr=log)
        return connect(self.folder, self.port, self.token, [*self.processes.values()])

    def kill(self, name: str) -> None:
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def stop(self) -> None:
        """At once: nothing in there is needed any more."""
        for name in [*self.processes]:
            self.kill(name)


@pytest.fixture(scope="session")
def new_server(assets: Path) -> Callable[[Path], Server]:
    """Makes a server that has a folder of its own and is not started yet."""
    return lambda folder: Server(assets, folder)


@pytest.fixture(scope="session")
def server(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(assets, tmp_path_factory.mktemp("apiserver"))
    try:
        server.start().close()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def audited(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Another one, which writes down what service accounts ask for."""
    server = Server(assets, tmp_path_factory.mktemp("audited"))
    server.write_down_service_accounts()
    try:
        server.start().close()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def commands(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Server], Command]:
    """Makes what runs kubectl and helm as the user with every right."""

    def made(server: Server) -> Command:
        folder = tmp_path_factory.mktemp("kube")
        (folder / "kubeconfig").write_text(json.dumps(server.kubeconfig()))
        path = f"{assets}{os.pathsep}{os.environ['PATH']}"
        env = {"KUBECONFIG": str(folder / "kubeconfig"), "HOME": str(folder), "PATH": path}

        def run(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
            return subprocess.run(words, env=env, input=stdin, capture_output=True, text=True, timeout=120, check=False)

        return run

    return made


@pytest.fixture(scope="session")
def apiserver(server: Server) -> Iterator[httpx2.Client]:
    """A client of an API server of its own, with every right."""
    client = server.start()
    yield client
    client.close()


def connect(folder: Path, port: int, token: str, processes: list[subprocess.Popen[bytes]]) -> httpx2.Client:
    certificate = folder / "certs" / "apiserver.crt"
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and all(process.poll() is None for process in processes):
        if certificate.exists():
            client = httpx2.Client(
                base_url=f"https://127.0.0.1:{port}",
                headers={"Authorization": f"Bearer {token}"},
                verify=ssl.create_default_context(cafile=certificate),
                timeout=10,
            )
            try:
                if client.get("/readyz").is_success:
                    return client
            except httpx2.TransportError:
                pass
            client.close()
        time.sleep(0.2)
    logs = "".join(path.read_text(errors="replace")[-2000:] for path in folder.glob("*.log"))
    raise AssertionError(f"the API server is not ready; logs in {folder}:\n{logs}")


@pytest.fixture(scope="session")
def established(apiserver: httpx2.Client) -> dict[str, list[dict[str, str]]]:
    """Every CRD created; the conditions of each once it is established or refused."""
    conditions = {}
    for kind in KINDS.values():
        answer = apiserver.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", json=crd(kind))
        assert answer.status_code == 201, answer.text
    for kind in KINDS.values():
        conditions[kind.__name__] = settled(apiserver, f"{kind.PLURAL}.penstock.dev")
    return conditions


def settled(apiserver: httpx2.Client, name: str) -> list[dict[str, str]]:
    deadline = time.monotonic() + 30
    conditions: list[dict[str, str]] = []
    while time.monotonic() < deadline:
        answer = apiserver.get(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}")
        conditions = answer.json().get("status", {}).get("conditions") or []
        if any(entry["type"] == "Established" and entry["status"] == "True" for entry in conditions):
            break
        time.sleep(0.1)
    return conditions
