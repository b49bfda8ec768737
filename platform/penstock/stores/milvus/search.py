"""Search in a collection, as anybody's Milvus client would."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pymilvus import MilvusClient

from penstock.api.views import Metric
from penstock.stores.hit import Hit
from penstock.stores.milvus.collections import METRICS

SEARCH_EF = 64
SEARCH_PROBES = 16


def search(
    client: MilvusClient,
    collection: str,
    vectors: np.ndarray[Any, Any],
    k: int,
    *,
    metric: Metric,
    fields: Sequence[str] = (),
    where: str = "",
    timeout: float | None = None,
    fresh: bool = False,
) -> list[list[Hit]]:
    """The k nearest rows of each vector, the nearest first.

    Args:
        client: an open client.
        collection: a collection or alias.
        vectors: `[queries, dimension]`.
        k: neighbours of each.
        metric: the collection's.
        fields: scalar fields to bring along.
        where: a Milvus filter; empty for all rows.
        timeout: seconds to wait for an answer; None for the client's own patience.
        fresh: whether to wait for rows that were written just now; the collection of a staged run has none.
    """
    found = client.search(
        collection,
        data=np.asarray(vectors, dtype=np.float32).tolist(),
        limit=k,
        filter=where,
        # With no fields named, Milvus Lite gives them all, the vector too.
        output_fields=list(fields) or ["id"],
        anns_field="vector",
        timeout=timeout,
        consistency_level="Strong" if fresh else "Eventually",
        search_params={"metric_type": METRICS[metric], "params": {"ef": max(SEARCH_EF, k), "nprobe": SEARCH_PROBES}},
    )
    return [
        [Hit(hit["id"], float(hit["distance"]), {name: hit["entity"][name] for name in fields}) for hit in hits]
        for hits in found
    ]
