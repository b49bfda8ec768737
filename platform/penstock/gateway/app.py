"""The routes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import FastAPI, Query
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from penstock import __version__
from penstock.gateway import metrics, queries
from penstock.gateway.bundle import Bundle
from penstock.gateway.catalog import Catalog, Entry
from penstock.gateway.encoder import Encoder
from penstock.gateway.errors import GatewayError, InvalidQuery, NotServed, Unavailable
from penstock.gateway.limits import BodyLimit, Limits
from penstock.gateway.models import (
    Description,
    Failure,
    FeaturesAnswer,
    FeaturesQuery,
    ServedCollection,
    ServedEncoder,
    ServedView,
    VectorsAnswer,
    VectorsQuery,
)
from penstock.gateway.observe import Observed
from penstock.gateway.responses import answer, failure

FAILURES: dict[int | str, dict[str, Any]] = {
    400: {"model": Failure, "description": "The query does not fit."},
    404: {"model": Failure, "description": "Nothing of that name is served."},
    409: {"model": Failure, "description": "The vectors are of another encoder."},
    413: {"model": Failure, "description": "The body is over the limit."},
    503: {"model": Failure, "description": "A store is away, or nothing is live yet."},
}
Pin = Query(None, description="Answer from this kept run instead of the live one.")


def create_app(catalog: Catalog, limits: Limits | None = None) -> FastAPI:
    """The gateway over a catalog."""
    bounds = limits or Limits()
    app = FastAPI(
        title="Penstock gateway",
        version=__version__,
        description="Features and vectors of one run, the live one or a pinned one; every answer names its run.",
        responses=FAILURES,
        docs_url=None,
        redoc_url=None,
    )
    app.add_middleware(BodyLimit, limit=bounds.body_bytes)
    app.add_middleware(Observed)
    app.add_exception_handler(GatewayError, _failed)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _not_routed)
    _add_health(app, catalog)

    @app.get("/v1", summary="The materializations that are known here")
    async def known() -> list[str]:
        return [f"{namespace}/{name}" for namespace, name in catalog.names()]

    @app.get("/v1/{namespace}/{materialization}", response_model=Description, summary="What is live")
    async def describe(namespace: str, materialization: str, run: str | None = Pin) -> Response:
        entry = catalog.entry(namespace, materialization)
        bundle = await catalog.bundle(namespace, materialization, run)
        return answer(_description(entry, bundle).model_dump(mode="json"))

    @app.post(
        "/v1/{namespace}/{materialization}/features/{view}", response_model=FeaturesAnswer, summary="Features by keys"
    )
    async def features(
        namespace: str, materialization: str, view: str, query: FeaturesQuery, run: str | None = Pin
    ) -> Response:
        bundle = await catalog.bundle(namespace, materialization, run)
        with _naming(bundle):
            return answer(await queries.features(bundle, view, query, bounds))

    @app.post(
        "/v1/{namespace}/{materialization}/vectors/{collection}", response_model=VectorsAnswer, summary="Neighbours"
    )
    async def vectors(
        namespace: str, materialization: str, collection: str, query: VectorsQuery, run: str | None = Pin
    ) -> Response:
        bundle = await catalog.bundle(namespace, materialization, run)
        with _naming(bundle):
            return answer(await queries.vectors(bundle, collection, query, bounds))

    return app


@contextmanager
def _naming(bundle: Bundle) -> Iterator[None]:
    """Let an error name the run, as an answer does."""
    try:
        yield
    except GatewayError as error:
        error.run = bundle.run
        raise


def _add_health(app: FastAPI, catalog: Catalog) -> None:
    @app.get("/healthz", summary="Whether the process answers")
    async def healthz() -> PlainTextResponse:
        return PlainTextResponse("ok")

    @app.get("/readyz", summary="Whether every live run is loaded")
    async def readyz() -> Response:
        if not catalog.synced:
            return failure(Unavailable("The Kubernetes API has not answered yet"))
        if waiting := list(catalog.waiting()):
            return failure(Unavailable(f"Not loaded yet: {'; '.join(waiting)}"))
        return PlainTextResponse("ok")

    @app.get("/metrics", summary="Prometheus metrics")
    async def exposition() -> Response:
        return Response(metrics.exposition(), media_type="text/plain; version=0.0.4")


def _description(entry: Entry, bundle: Bundle) -> Description:
    meta, active = entry.pointer.metadata, entry.pointer.status.active
    return Description(
        namespace=meta.namespace,
        materialization=meta.name,
        run=bundle.run,
        switched_at=active.switched_at if active is not None and active.run == bundle.run else None,
        runs=list(entry.kept),
        metrics=dict(bundle.metrics),
        views=[
            ServedView(
                name=view.name,
                keys={key: type_.__name__ for key, type_ in view.keys.items()},
                features=list(view.features),
            )
            for view in bundle.views.values()
        ],
        collections=[
            ServedCollection(
                name=collection.name,
                rows=collection.rows,
                dimension=collection.dimension,
                metric=collection.metric,
                serving=collection.serving,
                fields=list(collection.fields),
                encoder=_encoder(collection.encoder) if collection.encoder is not None else None,
            )
            for collection in bundle.collections.values()
        ],
    )


def _encoder(encoder: Encoder) -> ServedEncoder:
    return ServedEncoder(shape=encoder.about.shape, dtype=encoder.about.dtype, digest=encoder.digest)


async def _failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, GatewayError)
    return failure(error)


async def _malformed(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return failure(InvalidQuery(f"{where}: {first['msg']}"))


async def _not_routed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = f"{request.method} {request.url.path} is not served: /openapi.json lists what is"
    refused = NotServed(message) if error.status_code in (404, 405) else InvalidQuery(str(error.detail))
    refused.code = error.status_code
    return failure(refused)
