"""The processes that are measured."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import aiohttp
import psutil

PEER = Path(__file__).with_name("peer.py")
METRIC = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$")


class Process:
    """A process, with what it costs."""

    def __init__(self, command: list[str], env: dict[str, str], log: IO[bytes]) -> None:
        self._process = subprocess.Popen(command, env={**os.environ, **env}, stdout=log, stderr=log)
        self._seen = psutil.Process(self._process.pid)

    def cpu_seconds(self) -> float:
        times = self._seen.cpu_times()
        return float(times.user + times.system)

    def memory_mb(self) -> float:
        return round(self._seen.memory_info().rss / 2**20, 1)

    def peak_mb(self) -> float:
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found is not None
        return round(int(found[1]) / 2**10, 1)

    async def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self._process.poll() is None:
            self._process.send_signal(number)
        while self._process.poll() is None:
            await asyncio.sleep(0.01)


class Replica(Process):
    """A replica of the operator."""

    def __init__(self, kubeconfig: Path, installation: Path, port: int, folder: Path) -> None:
        self._url = f"http://127.0.0.1:{port}"
        command = [
            *(sys.executable, "-m", "penstock_operator.kubernetes", "--host", "127.0.0.1", "--port", str(port)),
            *("--identity", f"replica-{port}", "--log-level", "warning"),
        ]
        env = {"KUBECONFIG": str(kubeconfig), "PENSTOCK_INSTALLATION": str(installation)}
        with (folder / f"replica-{port}.log").open("ab") as log:
            super().__init__(command, env, log)

    async def metrics(self) -> dict[str, float]:
        """Sums over all labels; empty while it does not answer."""
        try:
            async with aiohttp.ClientSession() as http, http.get(f"{self._url}/metrics") as answer:
                found: dict[str, float] = {}
                for line in (await answer.text()).splitlines():
                    if (match := METRIC.match(line)) is not None:
                        found[match[1]] = found.get(match[1], 0) + float(match[3])
                return found
        except aiohttp.ClientError:
            return {}

    async def leads(self) -> float:
        """When it was first seen to lead, by the monotonic clock."""
        while not (await self.metrics()).get("penstock_leader"):
            await asyncio.sleep(0.02)
        return time.monotonic()

    async def settled(self, passes: int) -> None:
        """Wait until it has made so many passes and has nothing left to do."""
        while True:
            found = await self.metrics()
            if found.get("penstock_reconcile_total", 0) >= passes and found.get("penstock_queue_depth") == 0:
                return
            await asyncio.sleep(0.2)


def peer(kubeconfig: Path, folder: Path) -> Process:
    """The plain kopf operator."""
    with (folder / "peer.log").open("ab") as log:
        command = [sys.executable, "-m", "kopf", "run", "--standalone", "-A", "--quiet", str(PEER)]
        return Process(command, {"KUBECONFIG": str(kubeconfig)}, log)
