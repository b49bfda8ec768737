"""From a query to an answer, all of it out of one bundle."""

from __future__ import annotations

from typing import Any

from penstock.gateway.bundle import Bundle
from penstock.gateway.errors import InvalidQuery
from penstock.gateway.limits import Limits
from penstock.gateway.models import FeaturesQuery, Join, VectorsQuery
from penstock.stores.neighbours import Hit


async def features(bundle: Bundle, name: str, query: FeaturesQuery, limits: Limits) -> dict[str, Any]:
    """The body of a `FeaturesAnswer`.

    Raises:
        GatewayError: the query does not fit, or the store does not answer.
    """
    if len(query.entities) > limits.entities:
        raise InvalidQuery(f"{len(query.entities)} entities are over the limit of {limits.entities}: ask in batches")
    rows = await bundle.view(name).read(query.entities, query.features)
    found = [{"entity": entity, "features": row} for entity, row in zip(query.entities, rows, strict=True)]
    return {"run": bundle.run, "view": name, "rows": found}


async def vectors(bundle: Bundle, name: str, query: VectorsQuery, limits: Limits) -> dict[str, Any]:
    """The body of a `VectorsAnswer`.

    Raises:
        GatewayError: the query does not fit, or a store does not answer.
    """
    if query.size > limits.queries:
        raise InvalidQuery(f"{query.size} queries are over the limit of {limits.queries}: ask in batches")
    if query.k > limits.neighbours:
        raise InvalidQuery(f"k is {query.k}, over the limit of {limits.neighbours}")
    collection = bundle.collection(name)
    wanted = (
        collection.check(query.vectors, query.encoder)
        if query.vectors is not None
        else await collection.encode(query.inputs or ())
    )
    neighbours = await collection.search(wanted, query.k, where=query.filter, fields=query.fields)
    results: list[list[dict[str, Any]]] = [
        [{"id": hit.id, "score": hit.score, "fields": hit.fields} for hit in hits] for hits in neighbours
    ]
    if query.join is not None:
        joined = await _join(bundle, query.join, neighbours)
        for hit in (hit for hits in results for hit in hits):
            hit["features"] = joined[hit["id"]]
    return {"run": bundle.run, "collection": name, "results": results}


async def _join(bundle: Bundle, join: Join, neighbours: list[list[Hit]]) -> dict[int | str, dict[str, Any] | None]:
    view = bundle.view(join.view)
    if len(view.keys) != 1 or join.key not in (None, *view.keys):
        raise InvalidQuery(
            f"join.key is {join.key!r}, and view {join.view!r} is keyed by {', '.join(view.keys)}: "
            "a join needs a view with one key, which the ids are"
        )
    (key,) = view.keys
    ids = list(dict.fromkeys(hit.id for hits in neighbours for hit in hits))
    rows = await view.read([{key: id_} for id_ in ids], join.features)
    return dict(zip(ids, rows, strict=True))
