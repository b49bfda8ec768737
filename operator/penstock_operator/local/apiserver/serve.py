"""The embedded API on its port, in the process of the stack."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp

from penstock_operator.local.apiserver.certificates import Certificate


@asynccontextmanager
async def listening(app: ASGIApp, port: int, certificate: Certificate) -> AsyncIterator[None]:
    """Listen over TLS while the block runs.

    Raises:
        OSError: the port is taken.
    """
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=port,
        log_level="warning",
        timeout_graceful_shutdown=1,
        ssl_certfile=certificate.certificate,
        ssl_keyfile=certificate.key,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve())
    try:
        while not server.started:
            if task.done():
                raise OSError(f"Port {port} of 127.0.0.1 cannot be used: it is taken; choose another with --port")
            await asyncio.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        await asyncio.gather(task, return_exceptions=True)


class _Server(uvicorn.Server):
    """A server without signal handlers, which are the stack's, and which leaves the process when its port is taken."""

    async def serve(self, sockets: object = None) -> None:
        try:
            await self._serve(None)
        except SystemExit:
            return
