"""The server's process: how it listens, and how it stops."""

from __future__ import annotations

import asyncio
import signal
from types import FrameType

import uvicorn
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penstock.gateway.health import Lifecycle
from penstock.gateway.tls import Certificate


class ClosesWhenStopping:
    """Ends each connection with its answer once the stop has begun, so that no query comes over one that is closed."""

    def __init__(self, app: ASGIApp, lifecycle: Lifecycle) -> None:
        self._app, self._lifecycle = app, lifecycle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and say that the connection ends where it does."""

        async def closing(message: Message) -> None:
            if message["type"] == "http.response.start" and self._lifecycle.stopping:
                MutableHeaders(scope=message)["Connection"] = "close"
            await send(message)

        await self._app(scope, receive, closing)


class GracefulServer(uvicorn.Server):
    """Stops as Kubernetes wants it.

    On SIGTERM readiness turns red at once, while queries are answered on: those who send them learn of it a little
    later. Then it takes no more connections, ends what it has begun, and leaves with 0. A second signal ends the
    waiting.

    Args:
        app: what is served.
        host: address to listen on.
        port: to listen on.
        lifecycle: that the app's readiness goes by.
        drain_seconds: how long queries are still taken.
        grace_seconds: how long answers that have begun may take after that.
        certificate: of TLS; None for none.
    """

    def __init__(
        self,
        app: ASGIApp,
        host: str,
        port: int,
        lifecycle: Lifecycle,
        drain_seconds: float,
        grace_seconds: int,
        certificate: Certificate | None = None,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                ClosesWhenStopping(app, lifecycle),
                host=host,
                port=port,
                log_level="warning",
                access_log=False,
                timeout_graceful_shutdown=grace_seconds,
                server_header=False,
                ssl_context_factory=(lambda *_: certificate.context) if certificate is not None else None,
            )
        )
        self._lifecycle = lifecycle
        self._drain_seconds = drain_seconds

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop; a second time, or by Ctrl-C, at once."""
        if self._lifecycle.stopping or sig == signal.SIGINT:
            self.force_exit = self._lifecycle.stopping
            self.should_exit = True
            return
        self._lifecycle.stopping = True
        loop = asyncio.get_running_loop()
        loop.call_soon_threadsafe(loop.call_later, self._drain_seconds, self._stop)

    def _stop(self) -> None:
        self.should_exit = True
