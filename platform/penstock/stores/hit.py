"""A neighbour."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Hit:
    """A neighbour; the score is Milvus's: similarity for Cosine and InnerProduct, squared distance for L2."""

    id: int | str
    score: float
    fields: dict[str, Any] = field(default_factory=dict)
