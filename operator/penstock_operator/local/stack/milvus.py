"""Milvus Lite behind its own server, so that several processes can use it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from penstock_operator.local.stack.ports import Ports
from penstock_operator.local.stack.probe import listens
from penstock_operator.local.stack.processes import ChildProcess, Program

START_SECONDS = 30.0
PORT = "milvus"


class MilvusServer:
    """The server and its data, in the stack's folder."""

    PORTS: ClassVar[tuple[str, ...]] = (PORT,)

    def __init__(self, home: Path, ports: Ports) -> None:
        self._ports = ports
        self._data = home.resolve() / "milvus"
        self.process = ChildProcess(
            Program("Milvus Lite", self._command, self._ready, START_SECONDS), home / "logs" / "milvus.log"
        )

    @property
    def uri(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._ports.get(PORT)}"

    async def _ready(self) -> bool:
        return await listens(self._ports.get(PORT))

    def _command(self) -> Sequence[str]:
        program = str(Path(sys.executable).with_name("milvus-lite"))
        where = ["--host", "127.0.0.1", "--port", str(self._ports.get(PORT))]
        return [program, "server", "--data-dir", str(self._data), *where]
