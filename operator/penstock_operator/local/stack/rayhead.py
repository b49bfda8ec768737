"""A Ray of one node for a laptop."""

from __future__ import annotations

import hashlib
import os
import secrets
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from penstock_operator.local.stack import sessions
from penstock_operator.local.stack.ports import Ports
from penstock_operator.local.stack.probe import answers
from penstock_operator.local.stack.processes import ChildProcess, Program

START_SECONDS = 60.0
STOP_SECONDS = 2.0
"""Its store of objects takes longer to end by itself, and nothing of it is kept."""
OBJECT_STORE_BYTES = 200_000_000
LOG_BYTES = 16 << 20
"""Of each log that Ray keeps of its own parts; it would let them grow to half a gigabyte."""
DASHBOARD = "ray-dashboard"
OTHERS = ("ray", "ray-agent", "ray-client")


class RayHead:
    """Ray's head node with its dashboard, which has the Jobs API."""

    PORTS: ClassVar[tuple[str, ...]] = (DASHBOARD, *OTHERS)

    def __init__(self, home: Path, ports: Ports, cpus: int) -> None:
        self._ports = ports
        self._cpus = cpus
        # Ray's sockets lie here, and a socket's path may have 107 characters at most.
        digest = hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:8]
        self._temp = Path(tempfile.gettempdir()) / f"penstock-{digest}"
        # Several of Ray's ports listen on every interface, whatever address it is given.
        self.token_path = home.resolve() / "ray-token"
        self.token = _token(self.token_path)
        env = {
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_DEDUP_LOGS": "0",
            "RAY_ROTATION_MAX_BYTES": str(LOG_BYTES),
            "RAY_ROTATION_BACKUP_COUNT": "2",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(self.token_path),
        }
        self.process = ChildProcess(
            Program("Ray", self._command, self._ready, START_SECONDS, env, STOP_SECONDS, self.clean),
            home / "logs" / "ray.log",
        )

    @property
    def address(self) -> str:
        """The dashboard's address."""
        return f"http://127.0.0.1:{self._ports.get(DASHBOARD)}"

    def clean(self) -> None:
        """Remove what earlier sessions left under the temporary directory, but for the last."""
        sessions.clean(self._temp)

    async def _ready(self) -> bool:
        return await answers(f"{self.address}/api/version", self.token)

    def _command(self) -> Sequence[str]:
        gcs, agent, client = (self._ports.get(name) for name in OTHERS)
        return [
            str(Path(sys.executable).with_name("ray")),
            "start",
            "--head",
            "--block",
            "--disable-usage-stats",
            "--node-ip-address=127.0.0.1",
            f"--port={gcs}",
            "--dashboard-host=127.0.0.1",
            f"--dashboard-port={self._ports.get(DASHBOARD)}",
            f"--dashboard-agent-listen-port={agent}",
            f"--ray-client-server-port={client}",
            f"--temp-dir={self._temp}",
            f"--num-cpus={self._cpus}",
            f"--object-store-memory={OBJECT_STORE_BYTES}",
        ]


def _token(path: Path) -> str:
    """What all who talk to this Ray must know; readable by the user alone."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(32))
    return path.read_text()


def default_cpus() -> int:
    """CPUs to promise to Ray: two workers and their driver must fit, also on a small machine."""
    return max(os.cpu_count() or 1, 4)
