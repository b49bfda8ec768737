"""A real etcd and kube-apiserver, as plain processes on random loopback ports, as envtest starts them."""

from __future__ import annotations

import base64
import secrets
import ssl
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from loopback import free_ports

READY_SECONDS = 90
AUDIT_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Metadata
    userGroups: [system:serviceaccounts]
  - level: None
"""


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
