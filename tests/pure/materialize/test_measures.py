"""Measures of change behave as their definitions say."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from penstock.materialize.gates.measures import cosine_distance, population_stability

numbers = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200).map(np.array)


@given(numbers, numbers)
def test_stability_is_never_negative_and_finite(a: np.ndarray, b: np.ndarray) -> None:  # type: ignore[type-arg]
    index = population_stability(a, b)
    assert np.isfinite(index)
    assert index >= -1e-12


@given(numbers)
def test_the_same_population_is_stable(a: np.ndarray) -> None:  # type: ignore[type-arg]
    assert population_stability(a, a) == 0.0


def test_a_shifted_population_is_not() -> None:
    random = np.random.default_rng(0)
    a = random.normal(size=2000)
    assert population_stability(a, random.normal(size=2000)) < 0.05
    assert population_stability(a, random.normal(size=2000) + 1) > 0.25


def test_distance_of_directions() -> None:
    x, y = np.array([1.0, 0.0]), np.array([0.0, 2.0])
    assert [round(cosine_distance(x, v), 9) for v in (x * 3, y, -x, x * 0)] == [0.0, 1.0, 2.0, 0.0]
