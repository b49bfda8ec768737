"""Health, readiness and metrics over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from penstock_operator.kubernetes.audit import Audit
from penstock_operator.kubernetes.lease import Lease
from penstock_operator.kubernetes.metrics import Metrics


@dataclass(frozen=True)
class Vitals:
    """What says whether this replica is well."""

    audit: Audit
    lease: Lease
    metrics: Metrics

    def ills(self) -> list[str]:
        """What only a restart can mend."""
        found = [f"the watch of {kind} is silent" for kind in self.audit.dead]
        if self.lease.leading and self.lease.age > self.lease.timing.duration:
            found.append(f"this replica leads, and has not renewed its lease for {self.lease.age:.0f} s")
        return found


@asynccontextmanager
async def listening(vitals: Vitals, host: str, port: int) -> AsyncIterator[int]:
    """Answer at `/healthz`, `/readyz` and `/metrics`; yields the port, which is another than 0."""

    async def healthz(_: web.Request) -> web.Response:
        ills = vitals.ills()
        return web.json_response({"ok": not ills, "problems": ills}, status=503 if ills else 200)

    async def readyz(_: web.Request) -> web.Response:
        quiet = vitals.audit.quiet
        ready = vitals.audit.filled and not quiet
        said = {"ready": ready, "leading": vitals.lease.leading, "silent": quiet}
        return web.json_response(said, status=200 if ready else 503)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=vitals.metrics.exposition(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
