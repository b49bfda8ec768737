"""Specs that are too large, each but for that a good one; in the form of `bad_specs.yaml`."""

from __future__ import annotations

from typing import Any

LONG, ID = "a" * 4096, "i" * 256


def _canaries(name: str, queries: int) -> dict[str, Any]:
    asked = [{"id": ID, "expect": [ID] * 32}] * queries
    return {"name": name, "type": "Canaries", "canaries": {"output": "o", "queries": asked}}


LARGE: list[dict[str, Any]] = [
    {
        "kind": "TrainingJob",
        "case": "more than an attempt can be handed",
        "spec": {"args": [LONG] * 8, "params": [{"name": f"p{n}", "value": LONG} for n in range(9)]},
        "error": '"object": args, params, env and strategy.options hold more than 65536 characters',
    },
    {
        "kind": "Materialization",
        "case": "canaries without end",
        "spec": {"gates": [_canaries("one", 2), _canaries("two", 2)]},
        "error": 'spec: Invalid value: "object": the ids of all canaries hold more than 32768 characters: name fewer',
    },
    {
        "kind": "Materialization",
        "case": "1.3 MB of canaries",
        "spec": {"gates": [_canaries(f"g{n}", 32) for n in range(5)]},
        "error": "the ids of all canaries hold more than 32768 characters",
    },
    {
        "kind": "FeatureStore",
        "case": "options without end",
        "spec": {"registry": {"type": "sql", "options": [{"name": f"o{n}", "value": LONG} for n in range(9)]}},
        "error": 'spec.registry: Invalid value: "object": the options hold more than 32768 characters',
    },
]
