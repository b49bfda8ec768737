"""The operator's calls over the official client: what each answer means, and what goes over the wire."""

from __future__ import annotations

import json
import math
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from exec_plugin import Plugin

from penstock.kubeapi.context import Context
from penstock_operator.kubernetes import connection
from penstock_operator.kubernetes.api import Api
from penstock_operator.kubernetes.connection import for_kopf
from penstock_operator.ports import ClusterUnreachable, Conflict, Invalid, Missing, Refused

OBJECT = {"kind": "TrainingJob", "metadata": {"namespace": "default", "name": "digits", "resourceVersion": "1"}}
Call = Callable[[Api], Awaitable[Any]]
CALLS: dict[str, Call] = {
    "get": lambda api: api.get("TrainingJob", "default", "digits"),
    "select": lambda api: api.select("TrainingJob", "default", "a=b"),
    "create": lambda api: api.create(OBJECT),
    "replace": lambda api: api.replace(OBJECT, "status"),
    "merge": lambda api: api.merge(OBJECT, {"metadata": {"finalizers": []}}),
    "delete": lambda api: api.delete("TrainingJob", "default", "digits", "uid"),
}
WRITES = ("create", "replace", "merge", "delete")


class Server:
    """Answers every call alike, and keeps what it was asked."""

    def __init__(self) -> None:
        self.status, self.body = 200, b"{}"
        self.asked: list[web.Request] = []
        self.bodies: list[bytes] = []
        self.known = ""
        """The Authorization header that it takes; empty for any."""
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request)
        self.bodies.append(await request.read())
        if self.known not in ("", request.headers.get("Authorization", "")):
            return web.Response(status=401)
        return web.Response(status=self.status, body=self.body, content_type="application/json")


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server, app = Server(), web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


@pytest.fixture
async def api(server: Server) -> AsyncIterator[Api]:
    async with Api(Context({"server": server.url}, {"token": "t"})) as api:
        yield api


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("status", [401, 408, 410, 429, 500, 503])
async def test_what_may_pass_is_tried_later(server: Server, api: Api, status: int, call: Call) -> None:
    server.status, server.body = status, b'{"message": "not now"}'
    with pytest.raises(ClusterUnreachable, match=f"{status}: not now"):
        await call(api)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(("status", "refusal"), [(400, Invalid), (403, Refused), (413, Invalid), (422, Invalid)])
async def test_what_stays_is_refused(server: Server, api: Api, status: int, refusal: type[Refused], call: Call) -> None:
    server.status, server.body = status, b"<html>no</html>"
    with pytest.raises(Refused, match=f"{status}: <html>no") as caught:
        await call(api)
    assert caught.type is refusal


@pytest.mark.parametrize(
    ("name", "status", "expected"),
    [
        ("get", 404, None),
        ("select", 404, []),
        ("create", 404, Missing),
        ("create", 409, Conflict),
        ("replace", 404, Conflict),
        ("replace", 409, Conflict),
        ("merge", 404, Conflict),
        ("merge", 409, Conflict),
        ("delete", 404, None),
        ("delete", 409, None),
    ],
)
async def test_what_is_not_there_or_has_changed(
    server: Server, api: Api, name: str, status: int, expected: Any
) -> None:
    server.status = status
    if isinstance(expected, type):
        with pytest.raises(expected):
            await CALLS[name](api)
    else:
        assert await CALLS[name](api) == expected


async def test_an_api_that_is_away_or_silent_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "TIMEOUT", aiohttp.ClientTimeout(total=0.2))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for port in (1, silent.getsockname()[1]):
            async with Api(Context({"server": f"http://127.0.0.1:{port}"})) as api:
                with pytest.raises(ClusterUnreachable, match="did not answer"):
                    await CALLS["get"](api)


async def test_a_page_follows_the_other_and_versions_come_as_metadata_alone(server: Server, api: Api) -> None:
    item = {"metadata": {"name": "a", "namespace": "default", "resourceVersion": "7"}}
    pages = [{"metadata": {"continue": "more/of+it"}, "items": [item]}, {"metadata": {}, "items": None}]
    server.body = json.dumps(pages[0]).encode()
    found = []
    async for versions in api.versions("TrainingJob", None):
        found.append(versions)
        server.body = json.dumps(pages[1]).encode()
    assert [[seen.version for seen in one.values()] for one in found] == [[7], []]
    assert [request.query.get("continue") for request in server.asked] == [None, "more/of+it"]
    assert all("as=PartialObjectMetadataList" in request.headers["Accept"] for request in server.asked)


async def test_a_call_is_plain_json_uncompressed_and_ours(server: Server, api: Api) -> None:
    for call in CALLS.values():
        server.body = b'{"items": [], "metadata": {}}'
        await call(api)
    for request, body in zip(server.asked, server.bodies, strict=True):
        assert request.headers["Accept-Encoding"] == "identity"
        assert request.headers["Authorization"] == "Bearer t"
        assert request.method == "GET" or json.loads(body)
    managers = {
        request.query.get("fieldManager") for request in server.asked if request.method in ("POST", "PUT", "PATCH")
    }
    assert managers == {"penstock-operator"}
    assert json.loads(server.bodies[-1])["preconditions"] == {"uid": "uid"}


@pytest.mark.parametrize(("value", "read"), [(math.nan, None), ("half a letter: \ud83d", "half a letter: \ud83d")])
async def test_what_json_has_no_form_for_is_written_all_the_same(
    server: Server, api: Api, value: object, read: object
) -> None:
    await api.replace({**OBJECT, "status": {"said": value}}, "status")
    assert json.loads(server.bodies[0])["status"] == {"said": read}


@pytest.mark.parametrize("name", CALLS)
async def test_the_fence_holds_back_writes_alone(server: Server, name: str) -> None:
    server.body = b'{"items": [], "metadata": {}}'

    def lost() -> None:
        raise ClusterUnreachable("the lease is another's")

    async with Api(Context({"server": server.url}), lost) as api:
        if name in WRITES:
            with pytest.raises(ClusterUnreachable, match="another's"):
                await CALLS[name](api)
        else:
            await CALLS[name](api)
    assert bool(server.asked) == (name not in WRITES)


async def test_a_plugin_logs_in_for_our_calls_and_for_kopf(server: Server, plugin: Plugin) -> None:
    plugin.answers(timedelta(hours=1), token="one")
    context = Context({"server": server.url}, plugin.user)
    async with Api(context) as api:
        await CALLS["get"](api)
        await CALLS["get"](api)
        assert plugin.runs == 1
        server.status = 401
        plugin.answers(token="two")
        with pytest.raises(ClusterUnreachable):
            await CALLS["get"](api)
        server.status = 200
        await CALLS["get"](api)
    session = for_kopf(context).aiohttp_session
    for token in ("two", "three"):
        plugin.answers(token=token)
        server.known = f"Bearer {token}"
        async with session.get(f"{server.url}/api") as answer:
            assert answer.status == 200
    await session.close()
    sent = [request.headers["Authorization"].removeprefix("Bearer ") for request in server.asked]
    assert sent == ["one", "one", "one", "two", "two", "two", "three"]


async def test_a_plugin_that_fails_is_an_api_that_cannot_be_reached_yet(server: Server, plugin: Plugin) -> None:
    plugin.command.write_text("#!/bin/sh\nexit 1")
    async with Api(Context({"server": server.url}, plugin.user)) as api:
        with pytest.raises(ClusterUnreachable, match="plug-in"):
            await CALLS["create"](api)
    assert server.asked == []
