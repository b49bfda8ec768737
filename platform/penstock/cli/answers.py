"""A gateway's answers as columns. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from penstock.cli.output import columns

if TYPE_CHECKING:
    from penstock.serving import FeaturesAnswer, SearchAnswer


def features_table(entities: Sequence[Mapping[str, Any]], answer: FeaturesAnswer) -> str:
    """A row for each entity: its keys, then its features; `<none>` where it has none."""
    keys = _union(entities)
    names = [name for name in _union(row or {} for row in answer.rows) if name not in keys]
    rows = []
    for entity, row in zip(entities, answer.rows, strict=True):
        values = ["<none>" for _ in names] if row is None else [row.get(name) for name in names]
        rows.append([*(entity.get(key) for key in keys), *values])
    headers = [*keys, *names] if names else [*keys, "features"]
    return columns(headers, rows if names else [[*row, "<none>"] for row in rows])


def hits_table(answer: SearchAnswer) -> str:
    """A row for each hit: id, score, fields, joined features."""
    hits = [hit for found in answer.results for hit in found]
    fields = _union(hit.fields for hit in hits)
    features = _union(hit.features or {} for hit in hits)
    rows = [
        [
            hit.id,
            float(hit.score),
            *(hit.fields.get(name) for name in fields),
            *((hit.features or {}).get(name) for name in features),
        ]
        for hit in hits
    ]
    joined = [f"features.{name}" if name in fields else name for name in features]
    return columns(["id", "score", *fields, *joined], rows)


def _union(mappings: Iterable[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for mapping in mappings for name in mapping))
