"""The middleware that knows callers and counts their queries, and the check of what they may query."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from penstock.gateway import metrics
from penstock.gateway.auth.access import Access, Caller
from penstock.gateway.auth.rate import Buckets
from penstock.gateway.errors import Forbidden, GatewayError, RateLimited, Unauthenticated, Unavailable
from penstock.gateway.responses import failure

OPEN = frozenset({"/healthz", "/readyz", "/metrics"})
FORWARDED = b"x-penstock-authorization"
CALLER = "penstock.caller"
"""Where in the ASGI scope the caller stands."""


class Guard:
    """Lets a known caller in, as often as the limit has it; the body of another is not read."""

    def __init__(
        self,
        app: ASGIApp,
        access: Access | None,
        buckets: Buckets | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._access = access
        self._buckets = buckets
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on, or answer 401, 429 or 503."""
        if scope["type"] == "http" and scope["path"] not in OPEN:
            try:
                await self._admit(scope)
            except GatewayError as error:
                metrics.AUTH.labels(type(error).__name__).inc()
                await failure(error)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _admit(self, scope: Scope) -> None:
        client = scope.get("client")
        who = f"address {client[0]}" if client else "address"
        if self._access is not None:
            caller = await self._caller(self._access, scope)
            scope[CALLER] = caller
            who = f"caller {caller.name}"
        if self._buckets is not None and (wait := self._buckets.take(who, self._clock())):
            raise RateLimited("Too many queries of one caller: ask less often, or in batches", math.ceil(wait))

    async def _caller(self, access: Access, scope: Scope) -> Caller:
        headers = dict(scope["headers"])
        # A Kubernetes API server that is a proxy to this takes the first of them out.
        given = headers.get(b"authorization", headers.get(FORWARDED))
        if given is None:
            raise Unauthenticated("A bearer token is needed: send it as Authorization: Bearer TOKEN", token_sent=False)
        scheme, _, token = given.decode("latin-1").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("Authorization is not of the form Bearer TOKEN", token_sent=False)
        caller = await access.caller(token)
        if caller is None:
            raise Unauthenticated("The token is not known, or has ended: get another")
        return caller


async def permit(access: Access, request: Request, namespace: str, materialization: str) -> None:
    """Check that the caller may query a Materialization, whether there is one of that name or not.

    Raises:
        Forbidden: they may not; the message says what grants it.
        Unavailable: it cannot be found out now.
    """
    caller: Caller = request.scope[CALLER]
    try:
        if not await access.allowed(caller, namespace, materialization):
            raise Forbidden(access.lacking(caller, namespace, materialization))
    except (Forbidden, Unavailable) as error:
        metrics.AUTH.labels(type(error).__name__).inc()
        raise
    metrics.AUTH.labels("Allowed").inc()
