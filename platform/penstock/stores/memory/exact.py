"""Exact nearest neighbours, a batch at a time: what an index is measured against."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from penstock.api.views import Metric

Matrix = np.ndarray[Any, np.dtype[np.float32]]


def similarities(queries: Matrix, rows: Matrix, metric: Metric) -> Matrix:
    """`[queries, rows]`; larger is nearer, for every metric."""
    if metric is Metric.COSINE:
        return _unit(queries) @ _unit(rows).T
    if metric is Metric.INNER_PRODUCT:
        return queries @ rows.T
    gaps = (queries**2).sum(1)[:, None] - 2 * queries @ rows.T + (rows**2).sum(1)[None, :]
    return np.asarray(-gaps)


def exact_neighbours(
    queries: Matrix, batches: Iterable[tuple[Sequence[Any], Matrix]], k: int, metric: Metric
) -> list[list[Any]]:
    """The ids of the k nearest rows of each query, the nearest first.

    Args:
        queries: `[queries, dimension]`.
        batches: ids and `[rows, dimension]` vectors; no more than one batch is held at a time.
        k: neighbours of each.
        metric: how near two vectors are.
    """
    best: list[list[tuple[float, Any]]] = [[] for _ in queries]
    for ids, rows in batches:
        scores = similarities(queries, rows, metric)
        nearest = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        for query, columns in enumerate(nearest):
            found = [(float(scores[query, column]), ids[column]) for column in columns]
            best[query] = sorted([*best[query], *found], key=lambda pair: -pair[0])[:k]
    return [[id_ for _, id_ in pairs] for pairs in best]


def recall(found: Sequence[Sequence[Any]], exact: Sequence[Sequence[Any]]) -> float:
    """The share of the exact neighbours that were found; 1.0 where there is nothing to find."""
    wanted = sum(len(ids) for ids in exact)
    if wanted == 0:
        return 1.0
    return sum(len(set(a) & set(b)) for a, b in zip(found, exact, strict=True)) / wanted


def _unit(rows: Matrix) -> Matrix:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(length == 0, 1, length), dtype=np.float32)
