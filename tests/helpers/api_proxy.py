"""A proxy before a real API server that plays what goes wrong between it and a client."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
from aiohttp import web

DROPPED = {"host", "content-length", "transfer-encoding", "accept-encoding", "connection"}

Fault = Callable[[web.Request], Awaitable[web.StreamResponse | None]]
"""An answer in place of the API server's, or None."""


class Proxy:
    """Passes calls on to the API server, notes them, and does what a test says in between."""

    def __init__(self, address: str, token: str, certificate: Path) -> None:
        self._upstream, self._token, self._certificate = address, token, certificate
        self.calls: list[tuple[str, str]] = []
        self.fault: Fault | None = None
        self.silent = False
        self.url = ""

    async def start(self, stack: AsyncExitStack) -> Proxy:
        app = web.Application(client_max_size=1 << 26)
        app.router.add_route("*", "/{path:.*}", self._pass)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0, handler_cancellation=True)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        context = ssl.create_default_context(cafile=self._certificate)
        connector = aiohttp.TCPConnector(ssl=context, limit=0)
        self._http = await stack.enter_async_context(
            aiohttp.ClientSession(
                connector=connector, timeout=aiohttp.ClientTimeout(None), auto_decompress=False, raise_for_status=False
            )
        )
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return self

    def writes(self, *but: str) -> list[tuple[str, str]]:
        """The calls that change something, without those whose path has one of these words."""
        return [call for call in self.calls if call[0] != "GET" and not any(word in call[1] for word in but)]

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        self.calls.append((request.method, request.path_qs))
        if self.fault is not None and (answer := await self.fault(request)) is not None:
            return answer
        headers = {name: value for name, value in request.headers.items() if name.lower() not in DROPPED}
        headers["Authorization"] = f"Bearer {self._token}"
        try:
            async with self._http.request(
                request.method, f"{self._upstream}{request.path_qs}", headers=headers, data=await request.read() or None
            ) as answer:
                return await self._hand_on(request, answer)
        except aiohttp.ClientConnectionError:
            return web.Response(status=502)

    async def _hand_on(self, request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        kept = {name: value for name, value in answer.headers.items() if name.lower() not in DROPPED}
        if request.query.get("watch") != "true":
            return web.Response(status=answer.status, body=await answer.read(), headers=kept)
        stream = web.StreamResponse(status=answer.status, headers=kept)
        await stream.prepare(request)
        async for chunk in answer.content.iter_any():
            if not self.silent:
                await stream.write(chunk)
        return stream
