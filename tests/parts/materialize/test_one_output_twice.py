"""One output that goes to several views and collections: each of them gets all of it, as it needs it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from stored import count_rows, read_rows

from penstock.materialize.job import run_staging
from penstock.stores.feast.store import open_store
from penstock.stores.feast.writer import FeastWriter
from penstock_operator.adapters.feast.views import drop_view

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NULLS = [
    {
        "name": f"no-null-{column}",
        "type": "MaxNullFraction",
        "maxNullFraction": {"output": "features", "column": column, "fraction": "0"},
    }
    for column in ("ink", "label")
]


def write_pages(run: Any) -> None:
    """Two shards; the second is older, and of page 1 it has another entity where `page` is a key too."""
    for hours, page in ((2, 1), (1, 2)):
        moment = NOW + timedelta(hours=hours)
        columns = {
            "id": [1, 2],
            "page": [page, page],
            "ink": np.array([hours, hours + 10], np.float32),
            "label": [f"at {hours}", f"at {hours}"],
            "event_timestamp": pa.array([moment] * 2, pa.timestamp("us", "UTC")),
        }
        run.write_features("features", columns, entity_keys=["id"])


def by_page(world: Any) -> dict[str, Any]:
    """A view of the same output with a key and a feature of its own."""
    keys = [{"name": name, "type": "Int64"} for name in ("id", "page")]
    view: dict[str, Any] = world.view(
        "r-1", resource="pages", view="pages__r_1", entities=keys, features=[{"name": "ink", "type": "Float32"}]
    )
    return view


@pytest.mark.parametrize("turned", [False, True])
def test_two_views_of_one_output_keep_their_own_keys_and_their_gates_see_both(world: Any, turned: bool) -> None:
    world.train("r-1", write_pages)
    views = [world.view("r-1"), by_page(world)]
    spec = world.spec("r-1", features=views[::-1] if turned else views, vectors=[], gates=NULLS)
    report = run_staging(spec)
    assert (report.outcome, report.message) == ("Staged", "")
    assert [gate.passed for gate in report.gates] == [True, True]
    store = open_store(world.config)
    # By id alone the later event counts; with the page as a key both shards are entities of their own.
    assert read_rows(store, "images__r_1_00000000", [{"id": 1}], ["label"]) == [{"label": "at 2"}]
    pages = [{"id": 1, "page": 1}, {"id": 1, "page": 2}]
    assert read_rows(store, "pages__r_1", pages, ["ink"]) == [{"ink": 2.0}, {"ink": 1.0}]


def test_what_one_view_has_got_is_not_taken_for_what_another_has(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    world.train("r-1", write_pages)
    first = world.spec("r-1", vectors=[])
    both = world.spec("r-1", features=[world.view("r-1"), by_page(world)], vectors=[])
    assert run_staging(first).outcome == "Staged"
    # The same stage, and a view that none of its marks is of; then one whose rows went with it.
    assert run_staging(both).outcome == "Staged"
    drop_view(world.config, "images__r_1_00000000")
    written: list[str] = []
    write = FeastWriter.write

    def noted(self: FeastWriter, batches: Any) -> Any:
        written.append(self._target.view)
        return write(self, batches)

    monkeypatch.setattr(FeastWriter, "write", noted)
    assert run_staging(both).outcome == "Staged"
    assert set(written) == {"images__r_1_00000000"}
    store = open_store(world.config)
    assert read_rows(store, "images__r_1_00000000", [{"id": 2}], ["ink"]) == [{"ink": 12.0}]
    assert read_rows(store, "pages__r_1", [{"id": 2, "page": 2}], ["ink"]) == [{"ink": 11.0}]


def test_two_collections_of_one_output_are_both_filled_and_both_judged(world: Any, write_run: Any) -> None:
    world.train("r-1", lambda run: write_run(run, shards=3))
    name = f"{Path(world.folder).name}_bare"
    other = world.collection("r-1", resource="bare", collection=name, index={"type": "HNSW"}, scalarFields=[])
    gates = [
        {"name": "recall", "type": "IndexRecall", "indexRecall": {"output": "embeddings", "min": "0.99"}},
        {
            "name": "self",
            "type": "Canaries",
            "canaries": {"output": "embeddings", "k": 1, "queries": [{"id": "7", "expect": ["7"]}]},
        },
    ]
    spec = world.spec("r-1", features=[], vectors=[world.collection("r-1"), other], gates=gates)
    ((code, line),) = world.stage(spec)
    assert (code, line) == (0, "Run r-1: Staged.")
    assert [count_rows(target) for target in spec.vectors] == [40, 40]
