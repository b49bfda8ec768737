"""A stand-in for the Jobs API of Ray: it runs nothing, and remembers what it was asked."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from aiohttp import web
from whole_run import spec_of, write_manifest

from penstock.handoff import AttemptSpec


class RayStandIn:
    """The Jobs API of a Ray that remembers what it accepted; a test says how each job is."""

    def __init__(self, artifacts: Path) -> None:
        self.artifacts, self.url = artifacts, ""
        self.accepted: list[str] = []
        self.posts: list[str] = []
        self.states: dict[str, str] = {}
        self.specs: dict[str, AttemptSpec] = {}
        self.slow = 0.0

    async def start(self, stack: AsyncExitStack) -> RayStandIn:
        app = web.Application()
        app.add_routes(
            [
                web.get("/api/version", self._version),
                web.post("/api/jobs/", self._submit),
                web.get("/api/jobs/{id}", self._job),
                web.post("/api/jobs/{id}/stop", self._stop),
                web.get("/api/jobs/{id}/logs", self._logs),
                web.delete("/api/jobs/{id}", self._delete),
            ]
        )
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0, handler_cancellation=True)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return self

    def finish(self, submission_id: str) -> None:
        """The attempt writes its manifest and ends."""
        write_manifest(self.specs[submission_id])
        self.states[submission_id] = "SUCCEEDED"

    async def _version(self, _: web.Request) -> web.Response:
        return web.json_response({"session_name": "session_1"})

    async def _submit(self, request: web.Request) -> web.Response:
        body = await request.json()
        submission_id = body["submission_id"]
        self.posts.append(submission_id)
        if submission_id in self.states:
            return web.Response(status=500, text="it is there")
        self.states[submission_id] = "RUNNING"
        self.specs[submission_id] = spec_of(body["runtime_env"]["env_vars"])
        self.accepted.append(submission_id)
        await asyncio.sleep(self.slow)
        return web.json_response({"submission_id": submission_id})

    async def _job(self, request: web.Request) -> web.Response:
        if (state := self.states.get(request.match_info["id"])) is None:
            return web.Response(status=404)
        return web.json_response({"status": state, "message": ""})

    async def _stop(self, request: web.Request) -> web.Response:
        self.states[request.match_info["id"]] = "STOPPED"
        return web.json_response({"stopped": True})

    async def _logs(self, _: web.Request) -> web.Response:
        return web.json_response({"logs": ""})

    async def _delete(self, request: web.Request) -> web.Response:
        self.states.pop(request.match_info["id"], None)
        return web.json_response({"deleted": True})
