"""Health, readiness and metrics: open to all who reach the port."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import FastAPI
from starlette.responses import PlainTextResponse, Response

from penstock.gateway import metrics
from penstock.gateway.catalog import Catalog
from penstock.gateway.errors import Unavailable
from penstock.gateway.responses import failure
from penstock.gateway.tls import Certificate


@dataclass
class Lifecycle:
    """Where in its life the process is."""

    stopping: bool = False
    """Asked to stop: it answers on for a while, and wants no more queries."""


TLS = "tls: "
"""Begins the line of readiness that tells what is wrong with the certificate."""


def add_health(app: FastAPI, catalog: Catalog, lifecycle: Lifecycle, certificate: Certificate | None = None) -> None:
    """Add the routes."""

    @app.get("/healthz", summary="Whether the process answers")
    async def healthz() -> PlainTextResponse:
        return PlainTextResponse("ok")

    @app.get("/readyz", summary="Whether to send queries here")
    async def readyz() -> Response:
        why = "The gateway is stopping" if lifecycle.stopping else catalog.unready()
        if why is not None:
            return failure(Unavailable(why))
        ended = certificate.problem() if certificate is not None else None
        return PlainTextResponse("\n".join(["ok", *([f"{TLS}{ended}"] if ended else ()), *catalog.problems()]))

    @app.get("/metrics", summary="Prometheus metrics")
    async def exposition() -> Response:
        return Response(metrics.exposition(), media_type="text/plain; version=0.0.4")
