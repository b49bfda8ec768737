"""Limits on what one query may ask, and the middleware that keeps the one on its body."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penstock.gateway.errors import TooLarge
from penstock.gateway.responses import failure


@dataclass(frozen=True)
class Limits:
    """What one query may ask."""

    body_bytes: int = 8 << 20
    entities: int = 1024
    queries: int = 256
    neighbours: int = 1000
    waiting: int = 256
    """Calls that may wait for one store; more are sent away at once."""


class BodyLimit:
    """Refuses a body over the limit, whatever its header says."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on, or answer 413."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self._limit:
            await self._refuse(scope, receive, send)
            return
        messages: list[Message] = []
        size, more = 0, True
        while more:
            message = await receive()
            messages.append(message)
            size += len(message.get("body", b""))
            if size > self._limit:
                await self._refuse(scope, receive, send)
                return
            more = message["type"] == "http.request" and message.get("more_body", False)
        left = iter(messages)

        async def replay() -> Message:
            return next(left, None) or await receive()

        await self._app(scope, replay, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = TooLarge(f"The body is over the limit of {self._limit} bytes: ask in smaller batches")
        await failure(error)(scope, receive, send)
