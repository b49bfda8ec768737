"""An API server that knows its callers by token or certificate, and a plug-in."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from authority import Authority


class Server:
    """Answers any call; `accepts` says which callers it knows."""

    def __init__(self) -> None:
        self.callers: list[str] = []
        """The Authorization header of each call, or the serial number of its certificate."""
        self.accepts: Callable[[str], bool] = bool
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        assert request.transport is not None
        shown = request.transport.get_extra_info("peercert")
        self.callers.append(shown["serialNumber"] if shown else request.headers.get("Authorization", ""))
        if not self.accepts(self.callers[-1]):
            return web.json_response({"kind": "Status", "code": 401, "message": "who are you"}, status=401)
        return web.json_response({"kind": "Thing"})

    async def start(self, tls: ssl.SSLContext | None) -> Callable[[], Any]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
        return runner.cleanup


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    stop = await server.start(None)
    yield server
    await stop()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.fixture
async def strict(authority: Authority, tmp_path: Path) -> AsyncIterator[Server]:
    """A server that wants a certificate in the handshake."""
    certificate, key = authority.issue(tmp_path / "server")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.certificate))
    tls.load_cert_chain(certificate, key)
    tls.verify_mode = ssl.CERT_REQUIRED
    server = Server()
    stop = await server.start(tls)
    yield server
    await stop()
