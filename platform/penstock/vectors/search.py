"""Search in a collection, as anybody's Milvus client would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pymilvus import MilvusClient

from penstock.api.views import Metric
from penstock.vectors.collections import METRICS

SEARCH_EF = 64
SEARCH_PROBES = 16


@dataclass(frozen=True)
class Hit:
    """A neighbour; the score is Milvus's: similarity for Cosine and InnerProduct, squared distance for L2."""

    id: int | str
    score: float
    fields: dict[str, Any] = field(default_factory=dict)


def search(
    client: MilvusClient,
    collection: str,
    vectors: np.ndarray[Any, Any],
    k: int,
    *,
    metric: Metric,
    fields: Sequence[str] = (),
    where: str = "",
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
    """
    found = client.search(
        collection,
        data=np.asarray(vectors, dtype=np.float32).tolist(),
        limit=k,
        filter=where,
        output_fields=list(fields),
        anns_field="vector",
        search_params={"metric_type": METRICS[metric], "params": {"ef": max(SEARCH_EF, k), "nprobe": SEARCH_PROBES}},
    )
    return [[Hit(hit["id"], float(hit["distance"]), dict(hit["entity"])) for hit in hits] for hits in found]
