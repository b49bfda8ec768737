"""What a gateway answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class FeaturesAnswer:
    """Features in the order of the entities; None for an entity that has none."""

    run: str
    rows: list[dict[str, Any] | None]


@dataclass(frozen=True)
class Hit:
    """A neighbour; the score is a similarity for Cosine and InnerProduct, a squared distance for L2."""

    id: int | str
    score: float
    fields: Mapping[str, Any]
    features: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class SearchAnswer:
    """The hits of each query, the nearest first."""

    run: str
    results: list[list[Hit]]
