"""The staging job over a run in an object store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from penstock.rundir import storage


def test_a_run_in_an_object_store_is_staged(
    tmp_path: Path, new_world: Any, s3: str, write_run: Callable[..., None]
) -> None:
    world = new_world(tmp_path)
    world.artifacts = s3
    world.train("u-1", lambda run: write_run(run, shards=3))
    spec = world.spec("u-1")
    ((code, last),) = world.stage(spec)
    report = world.report(spec)
    assert (code, report is not None and report.outcome) == (0, "Staged"), last
    assert report is not None
    assert [(output.output, output.rows) for output in report.outputs] == [("features", 40), ("embeddings", 40)]
    assert storage.names(spec.stage_uri) == ["progress.json", "report.json", "shards"]
