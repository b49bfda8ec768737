"""How far two distributions are apart. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np

BINS = 10
SMALLEST_SHARE = 1e-4


def population_stability(expected: np.ndarray[Any, Any], actual: np.ndarray[Any, Any]) -> float:
    """The population stability index over ten quantile bins of `expected`; 0 for the same distribution.

    An empty bin counts as a share of 0.0001, so that the index stays finite.
    See B. Yurdakul, Statistical Properties of Population Stability Index (2018).
    """
    if len(expected) == 0 or len(actual) == 0:
        return 0.0
    edges = np.unique(np.quantile(expected, np.linspace(0, 1, BINS + 1)[1:-1]))
    before = _shares(expected, edges)
    after = _shares(actual, edges)
    return float(((after - before) * np.log(after / before)).sum())


def cosine_distance(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> float:
    """From 0 (the same direction) to 2 (opposite ones); 0 where one is the origin."""
    length = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(np.clip(1.0 - a @ b / length, 0.0, 2.0)) if length else 0.0


def _shares(values: np.ndarray[Any, Any], edges: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
    shares = np.maximum(counts / counts.sum(), SMALLEST_SHARE)
    return np.asarray(shares / shares.sum())
