"""The routes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Query
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from penstock import __version__
from penstock.gateway import queries
from penstock.gateway.auth.access import Access
from penstock.gateway.auth.guard import CALLER, Guard, permit
from penstock.gateway.auth.rate import Buckets
from penstock.gateway.bundle import Bundle
from penstock.gateway.catalog import Catalog
from penstock.gateway.encoder import Encoder
from penstock.gateway.entry import Entry
from penstock.gateway.errors import GatewayError, InvalidQuery, NotServed, Unavailable
from penstock.gateway.health import Lifecycle, add_health
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
from penstock.gateway.revision import Revision
from penstock.gateway.tls import Certificate

FAILURES: dict[int | str, dict[str, Any]] = {
    400: {"model": Failure, "description": "The query does not fit."},
    401: {"model": Failure, "description": "A token is needed, or nobody is known by it."},
    403: {"model": Failure, "description": "The caller may not query this."},
    404: {"model": Failure, "description": "Nothing of that name is served."},
    409: {"model": Failure, "description": "The vectors are of another encoder."},
    413: {"model": Failure, "description": "The body is over the limit."},
    429: {"model": Failure, "description": "The caller asks too often."},
    503: {"model": Failure, "description": "A store or the Kubernetes API is away, or nothing is live yet."},
}
Pin = Query(None, description="Answer from this kept run instead of the live one.")


def create_app(
    catalog: Catalog,
    limits: Limits | None = None,
    access: Access | None = None,
    buckets: Buckets | None = None,
    lifecycle: Lifecycle | None = None,
    certificate: Certificate | None = None,
    revision: Revision | None = None,
) -> FastAPI:
    """The gateway over a catalog.

    Args:
        catalog: what is served.
        limits: on one query.
        access: who may ask; None for anybody.
        buckets: how often a caller may ask; None for as often as they like.
        lifecycle: of the process.
        certificate: by which it is served; None without TLS.
        revision: to be told of a store that fails; None for nobody.
    """
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
    app.add_middleware(Guard, access=access, buckets=buckets)
    app.add_middleware(Observed)
    app.add_exception_handler(GatewayError, _failed)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _not_routed)
    add_health(app, catalog, lifecycle or Lifecycle(), certificate)

    async def permitted(request: Request, namespace: str, materialization: str) -> None:
        if access is not None:
            await permit(access, request, namespace, materialization)

    gated = APIRouter(prefix="/v1/{namespace}/{materialization}", dependencies=[Depends(permitted)])

    @app.get("/v1", summary="The materializations that the caller may query")
    async def materializations(request: Request) -> list[str]:
        names = catalog.names()
        seen = names if access is None else await access.visible(request.scope[CALLER], names)
        return [f"{namespace}/{name}" for namespace, name in seen]

    @gated.get("", response_model=Description, summary="What is live")
    async def describe(namespace: str, materialization: str, run: str | None = Pin) -> Response:
        entry = catalog.entry(namespace, materialization)
        bundle = await catalog.bundle(namespace, materialization, run)
        await entry.pins.refresh()
        return answer(_description(entry, bundle).model_dump(mode="json"))

    @gated.post("/features/{view}", response_model=FeaturesAnswer, summary="Features by keys")
    async def features(
        namespace: str, materialization: str, view: str, query: FeaturesQuery, run: str | None = Pin
    ) -> Response:
        bundle = await catalog.bundle(namespace, materialization, run)
        with naming(namespace, materialization, bundle):
            return answer(await queries.features(bundle, view, query, bounds))

    @gated.post("/vectors/{collection}", response_model=VectorsAnswer, summary="Neighbours")
    async def vectors(
        namespace: str, materialization: str, collection: str, query: VectorsQuery, run: str | None = Pin
    ) -> Response:
        bundle = await catalog.bundle(namespace, materialization, run)
        with naming(namespace, materialization, bundle):
            return answer(await queries.vectors(bundle, collection, query, bounds))

    @contextmanager
    def naming(namespace: str, materialization: str, bundle: Bundle) -> Iterator[None]:
        """Let an error name the run, as an answer does."""
        try:
            yield
        except GatewayError as error:
            if isinstance(error, Unavailable):
                error = type(error)(f"Run {bundle.run}: {error}")
                if revision is not None:
                    revision.doubt(namespace, materialization, bundle)
            error.run = bundle.run
            raise error from None

    app.include_router(gated)
    return app


def _description(entry: Entry, bundle: Bundle) -> Description:
    meta, active = entry.pointer.metadata, entry.pointer.status.active
    return Description(
        namespace=meta.namespace,
        materialization=meta.name,
        run=bundle.run,
        switched_at=active.switched_at if active is not None and active.run == bundle.run else None,
        runs=list(entry.kept()),
        metrics=dict(bundle.metrics),
        views=[
            ServedView(
                name=view.name,
                keys=dict(view.keys),
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
