"""A change of a Secret is told to every object that names it, so every reference to one must be found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from penstock.api import KINDS
from penstock.crds import crd
from penstock.crds.definition import openapi
from penstock_operator.references import SECRET_KEY_REFS, secrets


def of_secrets(schema: dict[str, Any], name: str = "") -> Iterator[str]:
    """The names of the fields that hold a key of a Secret."""
    if "Secret" in schema.get("properties", {}).get("key", {}).get("description", ""):
        yield name
    for key, inner in schema.get("properties", {}).items():
        yield from of_secrets(inner, key)
    if "items" in schema:
        yield from of_secrets(schema["items"])


@pytest.mark.parametrize("kind", KINDS)
def test_every_reference_to_a_key_of_a_secret_has_a_name_that_is_looked_for(kind: str) -> None:
    spec = openapi(crd(KINDS[kind]))["properties"]["spec"]
    found = set(of_secrets(spec))
    assert found <= set(SECRET_KEY_REFS)
    assert bool(found) == (kind in {"TrainingJob", "FeatureStore", "VectorStore", "Materialization", "StagedRun"})


def test_they_are_found_at_any_depth() -> None:
    ref = {"name": "hub", "key": "token"}
    for name in SECRET_KEY_REFS:
        assert secrets({"env": [{"name": "A", name: ref}, {"deeper": {name: {**ref, "name": "git"}}}]}) == [
            "hub",
            "git",
        ]
