"""The gateway of a laptop."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from penstock.installation import INSTALLATION_VARIABLE
from penstock_operator.local.stack.ports import Ports
from penstock_operator.local.stack.probe import answers
from penstock_operator.local.stack.processes import ChildProcess, Program

START_SECONDS = 90.0
PORT = "gateway"


class GatewayServer:
    """`python -m penstock.gateway` on the loopback interface."""

    PORTS: ClassVar[tuple[str, ...]] = (PORT,)

    def __init__(self, home: Path, ports: Ports) -> None:
        self._ports = ports
        home = home.resolve()
        env = {"KUBECONFIG": str(home / "kubeconfig"), INSTALLATION_VARIABLE: str(home / "installation.json")}
        self.process = ChildProcess(
            Program("The gateway", self._command, self._ready, START_SECONDS, env), home / "logs" / "gateway.log"
        )

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._ports.get(PORT)}"

    async def _ready(self) -> bool:
        return await answers(f"{self.url}/healthz")

    def _command(self) -> Sequence[str]:
        flags = ["--port", str(self._ports.get(PORT)), "--auth", "none", "--replica", "local"]
        return [sys.executable, "-m", "penstock.gateway", *flags]
