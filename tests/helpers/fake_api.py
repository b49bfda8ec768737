"""An API server with the VectorStores of one namespace, whose watches can go silent without a sign."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

GROUP = "penstock.dev"
STORES = f"/apis/{GROUP}/v1alpha1/namespaces/default/vectorstores"
BOOKMARK_SECONDS = 0.05


class FakeApi:
    """Lists and watches. While it is `silent`, nothing comes on the lines that are open."""

    def __init__(self) -> None:
        self.url = ""
        self.silent = False
        self.opened = 0
        """How many watches were opened."""
        self._version = 1
        self._changes: list[tuple[int, dict[str, Any]]] = []
        self._objects: dict[str, dict[str, Any]] = {}

    def create(self, name: str, written: str = "2026-01-01T00:00:00Z") -> None:
        self._version += 1
        meta = {"name": name, "namespace": "default", "uid": name, "resourceVersion": str(self._version)}
        meta["managedFields"] = [{"manager": "kubectl", "time": written}]  # type: ignore[assignment]
        obj = {"apiVersion": f"{GROUP}/v1alpha1", "kind": "VectorStore", "metadata": meta, "spec": {}}
        self._objects[name] = obj
        self._changes.append((self._version, {"type": "ADDED", "object": obj}))

    async def _list(self, request: web.Request) -> web.StreamResponse:
        if request.query.get("watch") == "true":
            return await self._watch(request)
        listed = {"kind": "VectorStoreList", "metadata": {"resourceVersion": str(self._version)}}
        return web.json_response({**listed, "items": [*self._objects.values()]})

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        self.opened += 1
        since = int(request.query["resourceVersion"])
        response = web.StreamResponse()
        await response.prepare(request)
        # A line that was open when the silence began is dead for good.
        while not self.silent:
            for version, change in self._changes:
                if version > since:
                    await response.write(json.dumps(change).encode() + b"\n")
            since = self._version
            mark = {"kind": "VectorStore", "metadata": {"resourceVersion": str(since)}}
            await response.write(json.dumps({"type": "BOOKMARK", "object": mark}).encode() + b"\n")
            await asyncio.sleep(BOOKMARK_SECONDS)
        await asyncio.Event().wait()
        return response

    async def _one(self, request: web.Request) -> web.Response:
        found = self._objects.get(request.match_info["name"])
        return web.json_response(found) if found else web.json_response({"code": 404}, status=404)

    async def _groups(self, _: web.Request) -> web.Response:
        version = {"groupVersion": f"{GROUP}/v1alpha1", "version": "v1alpha1"}
        group = {"name": GROUP, "versions": [version], "preferredVersion": version}
        return web.json_response({"kind": "APIGroupList", "groups": [group]})

    async def _resources(self, _: web.Request) -> web.Response:
        stores = {"name": "vectorstores", "singularName": "vectorstore", "kind": "VectorStore", "namespaced": True}
        return web.json_response({"resources": [{**stores, "verbs": ["get", "list", "watch", "patch"]}]})

    async def _core(self, request: web.Request) -> web.Response:
        namespaces = {"name": "namespaces", "singularName": "namespace", "kind": "Namespace", "namespaced": False}
        versions = {"versions": ["v1"]}
        return web.json_response(
            versions if request.path == "/api" else {"resources": [{**namespaces, "verbs": ["get"]}]}
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[FakeApi]:
        app = web.Application()
        app.add_routes(
            [
                web.get("/api", self._core),
                web.get("/api/v1", self._core),
                web.get("/apis", self._groups),
                web.get(f"/apis/{GROUP}/v1alpha1", self._resources),
                web.get(STORES, self._list),
                web.get(STORES + "/{name}", self._one),
            ]
        )
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()
