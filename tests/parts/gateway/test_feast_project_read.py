"""A Feast project as the gateway reads it, when what is behind a name changes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from stored import write_rows

from penstock.gateway.errors import Unavailable
from penstock.gateway.features import Project, View
from penstock.gateway.threads import BoundedThreads
from penstock.handoff import ViewTarget
from penstock.stores.feast.store import open_store
from penstock.stores.feast.views import register_view
from penstock_operator.adapters.feast.views import drop_view

VIEW = "images__a_1"


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    return {
        "project": "demo",
        "provider": "local",
        "registry": {"registry_type": "sql", "path": f"sqlite:///{tmp_path}/registry.db"},
        "online_store": {"type": "sqlite", "path": f"{tmp_path}/online.db"},
        "offline_store": {"type": "file"},
        "entity_key_serialization_version": 3,
    }


def stage(config: dict[str, Any], features: dict[str, float]) -> None:
    """Register the view with these features, and write one row."""
    target = ViewTarget.model_validate(
        {
            "output": "features",
            "resource": "images",
            "store": "feast",
            "view": VIEW,
            "config": config,
            "entities": [{"name": "image_id", "type": "Int64"}],
            "features": [{"name": name, "type": "Float32"} for name in features],
            "timestampField": "event_timestamp",
        }
    )
    store = open_store(config)
    register_view(store, target, "file:///nowhere")
    columns: dict[str, Any] = {name: pa.array([value], pa.float32()) for name, value in features.items()}
    row = pa.record_batch({"image_id": [1], "event_timestamp": [datetime.now(UTC)], **columns})
    write_rows(store, target, row)


async def served(project: Project) -> View:
    threads = BoundedThreads("a load", 1, 0)
    try:
        return View("images", VIEW, project, await threads.run(project.about, VIEW))
    finally:
        threads.close()


async def test_a_view_that_was_dropped_and_made_anew_is_read_as_it_is_now(config: dict[str, Any]) -> None:
    stage(config, {"ink": 1.0})
    project = Project(config, 8)
    before = await served(project)
    for _ in range(8):
        assert await before.read([{"image_id": 1}]) == [{"ink": 1.0}]

    drop_view(config, VIEW)
    stage(config, {"ink": 2.0, "area": 3.0})
    after = await served(project)
    assert after.features == ("ink", "area")
    for _ in range(8):
        assert await after.read([{"image_id": 1}]) == [{"ink": 2.0, "area": 3.0}]


async def test_a_view_that_is_dropped_under_a_query_is_told_as_such(config: dict[str, Any]) -> None:
    stage(config, {"ink": 0.5})
    project = Project(config, waiting=1)
    try:
        view = await served(project)
        assert await view.read([{"image_id": 1}]) == [{"ink": 0.5}]
        drop_view(config, VIEW)
        with pytest.raises(Unavailable, match="Feast project 'demo'"):
            await view.read([{"image_id": 1}])
    finally:
        project.threads.close()
