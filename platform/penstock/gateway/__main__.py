"""`python -m penstock.gateway`: serve until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import logging
import math
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
from fastapi import FastAPI

from penstock.gateway.app import create_app
from penstock.gateway.auth.access import Access
from penstock.gateway.auth.keys import StaticKeyAccess
from penstock.gateway.auth.rate import Buckets
from penstock.gateway.auth.review import TokenReviewAccess
from penstock.gateway.auth.reviews import KubernetesReviews
from penstock.gateway.auth.settings import Mode, NotSaid, is_loopback, mode
from penstock.gateway.catalog import Catalog
from penstock.gateway.health import Lifecycle
from penstock.gateway.kubernetes import Kubernetes
from penstock.gateway.limits import Limits
from penstock.gateway.loader import Loader
from penstock.gateway.pins import KubernetesStagedRuns
from penstock.gateway.replica import Replica, pod, replica_name
from penstock.gateway.revision import Revision
from penstock.gateway.serve import GracefulServer
from penstock.gateway.tls import Certificate
from penstock.gateway.watch import Watcher
from penstock.installation import Installation
from penstock.kubeapi.errors import KubeconfigError

DEFAULTS = Limits()
DRAIN_SECONDS = 5.0
GRACE_SECONDS = 20


def build(flags: argparse.Namespace, how: Mode, lifecycle: Lifecycle, certificate: Certificate | None) -> FastAPI:
    """The app, which follows the pointers for as long as it is served.

    Raises:
        OSError: the key files cannot be read.
    """
    limits = Limits(body_bytes=flags.body_limit, entities=flags.entity_limit, queries=flags.query_limit)
    api = Kubernetes()
    loader = Loader(api, Installation.load(), limits)
    catalog = Catalog(loader, KubernetesStagedRuns(api))
    revision = Revision(catalog, loader)
    replica = Replica(api, catalog, flags.replica or replica_name(os.environ, flags.port), flags.namespace, pod())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        running = [
            asyncio.create_task(each.run()) for each in (Watcher(api, catalog, flags.namespace), revision, replica)
        ]
        yield
        for task in running:
            task.cancel()
        await asyncio.gather(*running, catalog.close(), return_exceptions=True)
        await api.close()

    access: Access | None = None
    if how is Mode.TOKEN_REVIEW:
        access = TokenReviewAccess(KubernetesReviews(api, flags.audience))
    elif how is Mode.STATIC_KEYS:
        access = StaticKeyAccess(Path(flags.keys))
    burst = flags.rate_burst or max(math.ceil(flags.rate_limit), 1)
    buckets = Buckets(flags.rate_limit, burst) if flags.rate_limit else None
    app = create_app(catalog, limits, access, buckets, lifecycle, certificate, revision)
    app.router.lifespan_context = lifespan
    return app


def parser() -> argparse.ArgumentParser:
    """The flags."""
    flags = argparse.ArgumentParser(
        prog="python -m penstock.gateway",
        description="Serve features and vectors of the live runs. KUBECONFIG, or the service account of the pod, "
        "says where the API is; PENSTOCK_INSTALLATION names the file with the installation's defaults.",
        epilog="example: KUBECONFIG=.penstock/kubeconfig PENSTOCK_INSTALLATION=.penstock/installation.json "
        "python -m penstock.gateway --port 8080",
    )
    env = os.environ.get
    flags.add_argument("--host", default="127.0.0.1", help="address to listen on")
    flags.add_argument("--port", type=int, default=8080, help="port to listen on")
    flags.add_argument("--namespace", action="append", default=[], help="to serve; repeat it; without it, all")
    flags.add_argument(
        "--replica", help="name of its Lease, after `penstock-gateway-`; unset, the pod's, or that of host and port"
    )
    flags.add_argument(
        "--auth",
        default=env("PENSTOCK_GATEWAY_AUTH"),
        help="who may ask: token-review, static-keys or none; may be left out on the loopback interface alone "
        "(or PENSTOCK_GATEWAY_AUTH)",
    )
    flags.add_argument(
        "--audience",
        default=env("PENSTOCK_GATEWAY_AUDIENCE", ""),
        help="with token-review: what tokens must be for; unset, the API itself (or PENSTOCK_GATEWAY_AUDIENCE)",
    )
    flags.add_argument(
        "--keys",
        default=env("PENSTOCK_GATEWAY_KEYS"),
        help="with static-keys: the folder of the key files (or PENSTOCK_GATEWAY_KEYS)",
    )
    flags.add_argument(
        "--tls-cert", type=Path, help="PEM file of a certificate, to serve TLS; read again when it changes"
    )
    flags.add_argument("--tls-key", type=Path, help="PEM file of its key")
    flags.add_argument("--rate-limit", type=_positive, default=0.0, help="queries a second of one caller; 0 for any")
    flags.add_argument("--rate-burst", type=int, default=0, help="queries at once; unset, those of a second")
    flags.add_argument("--body-limit", type=int, default=DEFAULTS.body_bytes, help="bytes of one query's body")
    flags.add_argument("--entity-limit", type=int, default=DEFAULTS.entities, help="entities of one query")
    flags.add_argument("--query-limit", type=int, default=DEFAULTS.queries, help="vectors or inputs of one query")
    flags.add_argument(
        "--drain-seconds",
        type=_positive,
        help="how long it answers on after SIGTERM, with readiness red; unset, 5, and 0 on the loopback interface",
    )
    flags.add_argument(
        "--grace-seconds", type=int, help="how long answers that have begun may take after that; unset, 20, or 5 there"
    )
    flags.add_argument("--access-log", action=argparse.BooleanOptionalAction, default=True)
    return flags


def main() -> int:
    """Parse the flags and serve."""
    known = parser()
    flags = known.parse_args()
    _log_as_json(logging.INFO if flags.access_log else logging.WARNING)
    lifecycle = Lifecycle()
    try:
        how = mode(flags.auth, flags.host, flags.keys)
        certificate = _certificate(flags)
        app = build(flags, how, lifecycle, certificate)
    except (NotSaid, KubeconfigError, OSError) as error:
        known.error(str(error))
    alone = is_loopback(flags.host)
    drain = flags.drain_seconds if flags.drain_seconds is not None else 0.0 if alone else DRAIN_SECONDS
    grace = flags.grace_seconds if flags.grace_seconds is not None else 5 if alone else GRACE_SECONDS
    GracefulServer(app, flags.host, flags.port, lifecycle, drain, grace, certificate).run()
    return 0


def _certificate(flags: argparse.Namespace) -> Certificate | None:
    if (flags.tls_cert is None) != (flags.tls_key is None):
        raise NotSaid("--tls-cert and --tls-key belong together")
    return Certificate(flags.tls_cert, flags.tls_key) if flags.tls_cert is not None else None


def _positive(text: str) -> float:
    number = float(text)
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is no number of 0 or more")
    return number


def end() -> None:
    """Leave at once: a thread that waits for a store would hold the process."""
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


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
    end()
