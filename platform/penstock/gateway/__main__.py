"""`python -m penstock.gateway`: serve until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
import uvicorn
from fastapi import FastAPI
from lightkube import AsyncClient, KubeConfig

from penstock.gateway.app import create_app
from penstock.gateway.catalog import Catalog
from penstock.gateway.limits import Limits
from penstock.gateway.loader import Loader
from penstock.gateway.watch import Kubernetes, Watcher
from penstock.installation import Installation

DEFAULTS = Limits()


def build(namespace: str, limits: Limits) -> FastAPI:
    """The app, which follows the pointers for as long as it is served."""
    # Addresses of the API are given outright; proxies of the environment are not for it.
    client = AsyncClient(config=KubeConfig.from_env(), trust_env=False)
    catalog = Catalog(Loader(Kubernetes(client), Installation.load(), limits))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        watching = asyncio.create_task(Watcher(client, catalog, namespace).run())
        yield
        watching.cancel()
        await asyncio.gather(watching, catalog.close(), return_exceptions=True)

    app = create_app(catalog, limits)
    app.router.lifespan_context = lifespan
    return app


def main() -> int:
    """Parse the flags and serve."""
    parser = argparse.ArgumentParser(
        prog="python -m penstock.gateway",
        description="Serve features and vectors of the live runs. KUBECONFIG, or the service account of the pod, "
        "says where the API is; PENSTOCK_INSTALLATION names the file with the installation's defaults.",
        epilog="example: KUBECONFIG=.penstock/kubeconfig PENSTOCK_INSTALLATION=.penstock/installation.json "
        "python -m penstock.gateway --port 8080",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8080, help="port to listen on")
    parser.add_argument("--namespace", default="*", help="serve this namespace's materializations; * for all")
    parser.add_argument("--body-limit", type=int, default=DEFAULTS.body_bytes, help="bytes of one query's body")
    parser.add_argument("--entity-limit", type=int, default=DEFAULTS.entities, help="entities of one query")
    parser.add_argument("--query-limit", type=int, default=DEFAULTS.queries, help="vectors or inputs of one query")
    parser.add_argument("--access-log", action=argparse.BooleanOptionalAction, default=True)
    flags = parser.parse_args()
    limits = Limits(body_bytes=flags.body_limit, entities=flags.entity_limit, queries=flags.query_limit)
    _log_as_json(logging.INFO if flags.access_log else logging.WARNING)
    app = build(flags.namespace, limits)
    uvicorn.run(
        app, host=flags.host, port=flags.port, log_level="warning", access_log=False, timeout_graceful_shutdown=5
    )
    return 0


def _log_as_json(level: int) -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )


if __name__ == "__main__":
    sys.exit(main())
