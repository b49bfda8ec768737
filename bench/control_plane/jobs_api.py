"""Stand-ins for Rays: one that ends each job at once and well, and one that takes connections and never answers."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime

from aiohttp import web

from penstock.handoff import ATTEMPT_VARIABLE, AttemptSpec
from penstock.rundir import storage
from penstock.rundir.manifest import MANIFEST, Manifest


def commit(spec: AttemptSpec) -> None:
    """Write the manifest of an attempt, as its training code would."""
    manifest = Manifest(
        namespace=spec.namespace,
        job=spec.name,
        uid=spec.uid,
        attempt=spec.attempt,
        run=spec.run,
        entrypoint_digest="sha256:0",
        created_at=datetime.now(UTC),
    ).signed()
    content = manifest.model_dump_json(by_alias=True, exclude_none=True).encode()
    storage.replace(storage.join(spec.run_uri, MANIFEST), content)


class Quick:
    """The Jobs API of a Ray whose jobs end when they are submitted."""

    def __init__(self) -> None:
        self.jobs: set[str] = set()

    async def version(self, _: web.Request) -> web.Response:
        return web.json_response({"session_name": "session_1"})

    async def submit(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body["submission_id"] in self.jobs:
            return web.Response(status=500)
        self.jobs.add(body["submission_id"])
        commit(AttemptSpec.model_validate_json(body["runtime_env"]["env_vars"][ATTEMPT_VARIABLE]))
        return web.json_response({"submission_id": body["submission_id"]})

    async def job(self, request: web.Request) -> web.Response:
        known = request.match_info["id"] in self.jobs
        return web.json_response({"status": "SUCCEEDED"}) if known else web.Response(status=404)


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(65536)
    await asyncio.sleep(3600)
    writer.close()


async def main(quick_port: int, hanging_port: int) -> None:
    quick, app = Quick(), web.Application()
    app.add_routes(
        [
            web.get("/api/version", quick.version),
            web.post("/api/jobs/", quick.submit),
            web.get("/api/jobs/{id}", quick.job),
        ]
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", quick_port).start()
    await asyncio.start_server(hang, "127.0.0.1", hanging_port)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
