"""A Ray of one node for a laptop."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from pathlib import Path

import httpx2

from penstock_operator.local.processes import ChildProcess
from penstock_operator.local.sockets import free_port

START_SECONDS = 60.0
OBJECT_STORE_BYTES = 200_000_000


class RayHead:
    """Ray's head node with its dashboard, which has the Jobs API."""

    def __init__(self, home: Path, cpus: int) -> None:
        self._dashboard = free_port()
        # Ray's sockets lie here, and a socket's path may have 107 characters at most.
        digest = hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:8]
        temp = Path(tempfile.gettempdir()) / f"penstock-{digest}"
        command = [
            str(Path(sys.executable).with_name("ray")),
            "start",
            "--head",
            "--block",
            "--disable-usage-stats",
            "--node-ip-address=127.0.0.1",
            f"--port={free_port()}",
            "--dashboard-host=127.0.0.1",
            f"--dashboard-port={self._dashboard}",
            f"--dashboard-agent-listen-port={free_port()}",
            f"--ray-client-server-port={free_port()}",
            f"--temp-dir={temp}",
            f"--num-cpus={cpus}",
            f"--object-store-memory={OBJECT_STORE_BYTES}",
        ]
        env = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS": "0"}
        self.process = ChildProcess("Ray", command, home / "logs" / "ray.log", env)

    @property
    def address(self) -> str:
        """The dashboard's address."""
        return f"http://127.0.0.1:{self._dashboard}"

    async def start(self) -> None:
        """Start it and wait for the Jobs API.

        Raises:
            StartError: it did not come up.
        """
        async with httpx2.AsyncClient(trust_env=False, timeout=2.0) as http:

            async def ready() -> bool:
                try:
                    return (await http.get(f"{self.address}/api/version")).status_code == 200
                except httpx2.HTTPError:
                    return False

            await self.process.start(ready, START_SECONDS)

    async def stop(self) -> None:
        """End it and all its workers."""
        await self.process.stop()


def default_cpus() -> int:
    """CPUs to promise to Ray: two workers and their driver must fit, also on a small machine."""
    return max(os.cpu_count() or 1, 4)
