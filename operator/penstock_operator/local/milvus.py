"""Milvus Lite behind its own server, so that several processes can use it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from penstock_operator.local.processes import ChildProcess
from penstock_operator.local.sockets import free_port

START_SECONDS = 30.0


class MilvusServer:
    """The server and its data, in the stack's folder."""

    def __init__(self, home: Path) -> None:
        self._port = free_port()
        program = str(Path(sys.executable).with_name("milvus-lite"))
        where = ["--host", "127.0.0.1", "--port", str(self._port)]
        command = [program, "server", "--data-dir", str(home.resolve() / "milvus"), *where]
        self.process = ChildProcess("Milvus Lite", command, home / "logs" / "milvus.log")

    @property
    def uri(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Start it and wait until it takes connections.

        Raises:
            StartError: it did not come up.
        """

        async def ready() -> bool:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self._port)
            except OSError:
                return False
            writer.close()
            return True

        await self.process.start(ready, START_SECONDS)

    async def stop(self) -> None:
        """End it."""
        await self.process.stop()
