"""The access log and the request metrics."""

from __future__ import annotations

import time

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penstock.gateway import metrics
from penstock.gateway.auth.guard import CALLER
from penstock.gateway.responses import RUN_HEADER

QUIET = {"/healthz", "/readyz", "/metrics"}

log = structlog.get_logger()


class Observed:
    """Counts, times and logs every request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        code, run = 500, ""

        async def sending(message: Message) -> None:
            nonlocal code, run
            if message["type"] == "http.response.start":
                code = message["status"]
                run = dict(message["headers"]).get(RUN_HEADER.lower().encode(), b"").decode()
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            seconds = time.perf_counter() - started
            route = getattr(scope.get("route"), "path", "unmatched")
            metrics.REQUESTS.labels(route, code).inc()
            metrics.REQUEST_SECONDS.labels(route).observe(seconds)
            if scope["path"] not in QUIET:
                caller = scope.get(CALLER)
                log.info(
                    "Request answered",
                    **({"caller": caller.name} if caller is not None else {}),
                    method=scope["method"],
                    path=scope["path"],
                    code=code,
                    run=run,
                    seconds=round(seconds, 6),
                )
