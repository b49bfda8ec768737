"""An embedded API in a thread of its own, and a kubeconfig for it."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import uvicorn
import yaml
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from penstock.client import AsyncClient
from penstock_operator.local.apiserver.api import create_app
from penstock_operator.local.apiserver.errors import NotFound
from penstock_operator.local.apiserver.store import ObjectStore

T = TypeVar("T")
TOKEN = "a-token"
PROXIED = re.compile(r"/api/v1/namespaces/(?P<namespace>[^/]+)/services/(?P<service>[^/]+)/proxy(?P<path>/.*)")
Service = Callable[[Request], Awaitable[Response]]
GATEWAY = "http://127.0.0.1:9999"


class Logs:
    """Two lines for each attempt; attempt 9 is not there."""

    async def lines(
        self, kind: str, namespace: str, name: str, attempt: int | None, follow: bool
    ) -> AsyncIterator[str]:
        if attempt == 9:
            raise NotFound(f"{name} has no attempt 9: it has 1")
        yield f"{kind}/{namespace}/{name} attempt {attempt or 'newest'}"
        yield f"follow {follow}"


class Proxy:
    """The API, with documents of other kinds, and before services as an API server is: `Authorization` ends at it."""

    def __init__(self, api: ASGIApp, services: dict[str, Service], documents: dict[str, Any]) -> None:
        self._api, self._services, self._documents = api, services, documents

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if path in self._documents:
            body = self._documents[path]
            await JSONResponse(body, body.get("code", 200))(scope, receive, send)
            return
        found = PROXIED.fullmatch(path)
        if found is None:
            await self._api(scope, receive, send)
            return
        headers = [(name, value) for name, value in scope["headers"] if name != b"authorization"]
        if len(headers) == len(scope["headers"]):
            await JSONResponse({"kind": "Status", "reason": "Unauthorized", "code": 401}, 401)(scope, receive, send)
            return
        service = self._services.get(f"{found['namespace']}/{found['service']}")
        request = Request({**scope, "headers": headers, "path": found["path"]}, receive)
        missing = {"kind": "Status", "reason": "NotFound", "message": f"services {found['service']!r} not found"}
        answer = JSONResponse({**missing, "code": 404}, 404) if service is None else await service(request)
        await answer(scope, receive, send)


class World:
    """The store behind the API; a test plays the operator by it, and `services` of the cluster."""

    def __init__(self, folder: Path) -> None:
        self.services: dict[str, Service] = {}
        self.documents: dict[str, Any] = {}
        self.kubeconfig = folder / "kubeconfig"
        self._folder = folder
        self._port = 0
        self._start()

    def _start(self) -> None:
        self._ready = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(),), daemon=True)
        self._thread.start()
        assert self._ready.wait(20)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._store = ObjectStore(self._folder / "state.db")
        app = Proxy(create_app(self._store, TOKEN, Logs()), self.services, self.documents)
        self._server = uvicorn.Server(uvicorn.Config(app, port=self._port, lifespan="off", log_level="warning"))
        task = asyncio.create_task(self._server.serve())
        while not self._server.started:
            await asyncio.sleep(0.01)
        self.url = f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"
        write_kubeconfig(self.kubeconfig, self.url)
        self._ready.set()
        await task
        self._store.close()

    def restart(self) -> None:
        self._port = int(self.url.rsplit(":", 1)[1])
        self.stop()
        self._start()

    def stop(self) -> None:
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(10)

    def do(self, action: Callable[[ObjectStore], T]) -> T:
        """Act on the store in its own thread."""

        async def act() -> T:
            return action(self._store)

        return asyncio.run_coroutine_threadsafe(act(), self._loop).result(10)

    def get(self, kind: str, name: str) -> dict[str, Any]:
        return dict(self.do(lambda store: store.get(kind, "default", name)))

    def status(self, kind: str, name: str, namespace: str = "default", **status: Any) -> None:
        """Write a status, with conditions given as `{type: (status, reason, message)}` for the newest generation."""

        def write(store: ObjectStore) -> None:
            obj = store.get(kind, namespace, name)
            conditions = status.pop("conditions", {})
            listed = [
                {
                    "type": type_,
                    "status": truth,
                    "reason": reason,
                    "message": message,
                    "observedGeneration": status.get("generation", obj["metadata"]["generation"]),
                    "lastTransitionTime": "2026-01-01T00:00:00Z",
                }
                for type_, (truth, reason, message) in conditions.items()
            ]
            obj["metadata"].pop("resourceVersion")
            store.update_status({**obj, "status": {**status, "conditions": listed}})

        self.do(write)


def write_kubeconfig(path: Path, url: str, **cluster: Any) -> None:
    extension = {"name": "penstock.dev/gateway", "extension": {"url": GATEWAY}}
    config = {
        "clusters": [
            {"name": "c", "cluster": {"server": url, "extensions": [extension], **cluster}},
            {"name": "d", "cluster": {"server": url, **cluster}},
        ],
        "users": [{"name": "u", "user": {"token": TOKEN}}, {"name": "stranger", "user": {"token": "wrong"}}],
        "contexts": [
            {"name": "penstock-local", "context": {"cluster": "c", "user": "u", "namespace": "default"}},
            {"name": "cluster", "context": {"cluster": "d", "user": "u", "namespace": "default"}},
            {"name": "stranger", "context": {"cluster": "c", "user": "stranger"}},
        ],
        "current-context": "penstock-local",
    }
    path.write_text(yaml.safe_dump(config))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.stop()


@pytest.fixture
async def client(world: World) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(world.kubeconfig) as client:
        yield client
