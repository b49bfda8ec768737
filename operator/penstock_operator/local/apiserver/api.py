"""The embedded API server: Penstock's kinds and a few core ones by the Kubernetes REST conventions."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from penstock import __version__
from penstock.secrets import MissingSecret
from penstock_operator.local.apiserver import openapi, resources
from penstock_operator.local.apiserver.endpoints import Endpoints
from penstock_operator.local.apiserver.errors import StoreError
from penstock_operator.local.apiserver.responses import failure, refused
from penstock_operator.local.apiserver.store import ObjectStore
from penstock_operator.ports import Unreachable

OPEN_PATHS = ("/healthz", "/readyz", "/livez")


class LogSource(Protocol):
    """Gives the logs of what objects ran."""

    def lines(self, kind: str, namespace: str, name: str, attempt: int | None, follow: bool) -> AsyncIterator[str]:
        """The lines of a log.

        Raises:
            NotFound: there is no such object, or it has no log.
            Unreachable: Ray does not answer, at first or for long.
        """


def create_app(store: ObjectStore, token: str | None = None, logs: LogSource | None = None) -> Starlette:
    """The API over one store; with a token, every call but the health checks must bear it."""
    routes = [
        *(Route(path, _healthy) for path in OPEN_PATHS),
        _document("/version", {"major": "1", "minor": "34", "gitVersion": f"v1.34.0+penstock.{__version__}"}),
        _document("/api", resources.versions()),
        _document("/api/v1", resources.resource_list(resources.CORE)),
        _document("/apis", resources.groups()),
    ]
    for kinds in (resources.COORDINATION, resources.PENSTOCK):
        routes += [
            _document(f"/apis/{kinds[0].group}", resources.group(kinds[0])),
            _document(f"/apis/{kinds[0].api_version}", resources.resource_list(kinds)),
        ]
    routes += [_document(path, body) for path, body in openapi.documents().items()]
    for kind in resources.SERVED.values():
        routes += _routes(store, kind)
    if logs is not None:
        routes.append(Route("/penstock/v1/namespaces/{namespace}/{plural}/{name}/log", _log_endpoint(logs)))
    middleware = [Middleware(_Bearer, token=token)] if token is not None else []
    handlers: dict[Any, Any] = {404: _not_served, 405: _not_allowed, Exception: _faulty}
    return Starlette(routes=routes, middleware=middleware, exception_handlers=handlers)


def _routes(store: ObjectStore, kind: resources.ServedKind) -> list[Route]:
    endpoints = Endpoints(store, kind)
    root = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    base = f"{root}/namespaces/{{namespace}}/{kind.plural}" if kind.namespaced else f"{root}/{kind.plural}"
    routes = [
        Route(base, endpoints.collection, methods=["GET", "POST"]),
        Route(f"{base}/{{name}}", endpoints.item, methods=["GET", "PUT", "PATCH", "DELETE"]),
        Route(f"{base}/{{name}}/status", endpoints.status, methods=["GET", "PUT", "PATCH"]),
    ]
    if kind.namespaced:
        routes.append(Route(f"{root}/{kind.plural}", endpoints.collection, methods=["GET"]))
    return routes


def _document(path: str, body: dict[str, Any]) -> Route:
    async def endpoint(request: Request) -> Response:
        return JSONResponse(body)

    return Route(path, endpoint)


def _log_endpoint(logs: LogSource) -> Any:
    kinds = {kind.plural: kind.kind for kind in resources.PENSTOCK}

    async def endpoint(request: Request) -> Response:
        path, query = request.path_params, request.query_params
        if path["plural"] not in kinds:
            return failure(404, "NotFound", f"{request.url.path} is not served here")
        attempt = int(query["attempt"]) if query.get("attempt", "").isdigit() else None
        follow = query.get("follow", "").lower() in ("1", "true")
        lines = logs.lines(kinds[path["plural"]], path["namespace"], path["name"], attempt, follow)
        try:
            # The first line before the status line: what goes wrong with it can still be said.
            first = await anext(lines, None)
        except StoreError as error:
            return refused(error)
        except (Unreachable, MissingSecret) as error:
            return failure(503, "ServiceUnavailable", str(error))
        return StreamingResponse(_text(first, lines), media_type="text/plain")

    return endpoint


async def _text(first: str | None, rest: AsyncIterator[str]) -> AsyncIterator[str]:
    if first is not None:
        yield f"{first}\n"
    async for line in rest:
        yield f"{line}\n"


async def _healthy(request: Request) -> Response:
    return PlainTextResponse("ok")


async def _not_served(request: Request, error: Exception) -> Response:
    return failure(404, "NotFound", f"{request.url.path} is not served here")


async def _not_allowed(request: Request, error: Exception) -> Response:
    return failure(405, "MethodNotAllowed", f"{request.method} is not served at {request.url.path}")


async def _faulty(request: Request, error: Exception) -> Response:
    return failure(500, "InternalError", f"{type(error).__name__}: {error}; the traceback is in the stack's log")


class _Bearer:
    """Refuses a call without the token."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in OPEN_PATHS:
            given = dict(scope["headers"]).get(b"authorization", b"")
            if not secrets.compare_digest(given, self._expected):
                await failure(401, "Unauthorized", "A bearer token is needed: use the stack's kubeconfig")(
                    scope, receive, send
                )
                return
        await self._app(scope, receive, send)
