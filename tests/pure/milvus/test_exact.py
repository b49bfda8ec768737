"""Exact search streams batches and agrees with brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.api.views import Metric
from penstock.stores.memory.exact import exact_neighbours, recall, similarities


@given(st.integers(1, 60), st.integers(1, 20), st.sampled_from(Metric), st.integers(0, 2**32 - 1))
def test_streaming_finds_what_one_pass_finds(rows: int, batch: int, metric: Metric, seed: int) -> None:
    random = np.random.default_rng(seed)
    stored = random.normal(size=(rows, 5)).astype(np.float32)
    queries = random.normal(size=(3, 5)).astype(np.float32)
    ids = list(range(rows))
    batches = [(ids[i : i + batch], stored[i : i + batch]) for i in range(0, rows, batch)]
    found = exact_neighbours(queries, batches, 4, metric)
    scores = similarities(queries, stored, metric)
    for query, neighbours in enumerate(found):
        best = np.sort(scores[query])[::-1][:4]
        assert np.allclose(scores[query][neighbours], best, atol=1e-4)


@given(st.lists(st.lists(st.integers(0, 9), unique=True, max_size=5), max_size=5))
def test_recall_of_the_truth_is_one(exact: list[list[int]]) -> None:
    assert recall(exact, exact) == 1.0


@pytest.mark.parametrize(("found", "share"), [([[1, 2]], 1.0), ([[1, 9]], 0.5), ([[]], 0.0)])
def test_recall_is_the_share_that_was_found(found: list[list[int]], share: float) -> None:
    assert recall(found, [[2, 1]]) == share
