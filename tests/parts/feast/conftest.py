"""A Feast project on SQLite, and rows in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from stored import write_rows

from penstock.handoff import ViewTarget
from penstock.stores.feast.store import open_store
from penstock.stores.feast.views import register_view

NOW = datetime(2026, 1, 1, tzinfo=UTC)
Rows = tuple[int, float, str, int]
"""Entity, ink, label, and age in seconds."""


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


@dataclass
class Project:
    """What a staging would do to it."""

    config: dict[str, Any]

    def target(self, view: str) -> ViewTarget:
        return ViewTarget.model_validate(
            {
                "output": "features",
                "resource": "images",
                "store": "feast",
                "view": view,
                "config": self.config,
                "entities": [{"name": "image_id", "type": "Int64"}],
                "features": [{"name": "ink", "type": "Float32"}, {"name": "label", "type": "String"}],
                "timestampField": "event_timestamp",
            }
        )

    def register(self, view: str) -> None:
        register_view(open_store(self.config), self.target(view), "/nowhere.parquet")

    def write(self, view: str, *rows: Rows) -> None:
        ids, ink, labels, ages = zip(*rows, strict=True)
        batch = pa.record_batch(
            {
                "image_id": list(ids),
                "ink": pa.array(ink, pa.float32()),
                "label": list(labels),
                "event_timestamp": [NOW - timedelta(seconds=age) for age in ages],
            }
        )
        store, made = open_store(self.config), self.target(view)
        register_view(store, made, "/nowhere.parquet")
        write_rows(store, made, batch)


@pytest.fixture
def project(config: dict[str, Any]) -> Project:
    return Project(config)
