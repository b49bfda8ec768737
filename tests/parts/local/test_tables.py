"""The columns of `kubectl get`, read from objects as a real API server reads them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from penstock.api import KINDS
from penstock_operator.local.apiserver.resources import BY_KIND
from penstock_operator.local.apiserver.tables import table, value_at

NOW = datetime(2026, 1, 1, 0, 1, tzinfo=UTC)


def cells(kind: str, obj: dict[str, Any]) -> dict[str, Any]:
    meta = {"name": "a", "creationTimestamp": "2026-01-01T00:00:00Z"}
    found = table(BY_KIND[kind], [{"metadata": meta, **obj}], 1, NOW)
    return dict(zip((column["name"] for column in found["columnDefinitions"]), found["rows"][0]["cells"], strict=True))


def test_a_run_tells_who_serves_it_and_its_first_output() -> None:
    run = {"spec": {"outputs": [{"name": "embeddings"}, {"name": "features"}]}, "status": {"servedBy": ["digits"]}}
    row = cells("TrainingRun", run)
    assert (row["Served by"], row["Outputs"], row["Age"]) == ("digits", "embeddings", "60s")


@pytest.mark.parametrize("kind", KINDS)
def test_every_column_can_be_read_of_an_object_that_has_nothing_yet(kind: str) -> None:
    assert set(cells(kind, {}).values()) <= {"a", "60s", "", None}


def test_a_path_of_another_form_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"\.spec\.outputs\[1\]"):
        value_at({}, ".spec.outputs[1].name")
