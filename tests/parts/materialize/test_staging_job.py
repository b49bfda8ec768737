"""The staging job as a process: what it stages is read by anybody's Feast and Milvus, however often it was killed."""

from __future__ import annotations

import sqlite3
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from feast import FeatureStore, RepoConfig
from stored import count_rows, read_rows, search_rows

from penstock.columns.table import ValueType
from penstock.handoff import StagingSpec
from penstock.stores.feast.store import open_store

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GATES = [
    {"name": "rows", "type": "MinRows", "minRows": {"output": "features", "rows": 40}},
    {"name": "nulls", "type": "MaxNullFraction", "maxNullFraction": {"output": "features", "fraction": "0"}},
    {"name": "accuracy", "type": "Metric", "metric": {"metric": "accuracy", "min": "0.9"}},
    {"name": "recall", "type": "IndexRecall", "indexRecall": {"output": "embeddings", "min": "0.99"}},
    {
        "name": "canary",
        "type": "Canaries",
        "canaries": {"output": "embeddings", "k": 1, "queries": [{"id": "7", "expect": ["7"]}]},
    },
    {"name": "drift", "type": "PopulationStability", "populationStability": {"output": "features", "max": "0"}},
    {"name": "centroid", "type": "CentroidShift", "centroidShift": {"output": "embeddings", "max": "0"}},
]


def online_rows(world: Any, view: str) -> int:
    with sqlite3.connect(world.config["online_store"]["path"]) as db:
        return int(db.execute(f'SELECT count(*) FROM "demo_{view}"').fetchone()[0])


def read_features(world: Any, view: str, ids: list[int]) -> dict[str, list[Any]]:
    """As any user of Feast would."""
    store = FeatureStore(config=RepoConfig(**world.config, repo_path=str(world.folder)))
    answer = store.get_online_features([f"{view}:ink", f"{view}:label"], [{"id": id_} for id_ in ids])
    found: dict[str, list[Any]] = answer.to_dict()
    return found


def neighbours(spec: StagingSpec, ids: list[int]) -> list[tuple[Any, Any]]:
    """What is nearest to stored rows: themselves, with their scalar field."""
    target = spec.vectors[0]
    parts = sorted(Path(spec.run_uri).glob("outputs/embeddings/*.parquet"))
    rows = [row for part in parts for row in pq.read_table(part).to_pylist()]
    queries = np.array([rows[id_]["vector"] for id_ in ids])
    assert count_rows(target) == len(rows)
    found = search_rows(target, queries, 1, {"digit": ValueType.INT64})
    return [(hits[0].id, hits[0].fields["digit"]) for hits in found]


def test_a_good_run_is_staged_and_anybody_can_read_it(world: Any, write_run: Any) -> None:
    world.train("r-1", lambda run: write_run(run, digits=[None, *range(1, 40)]))
    spec = world.spec("r-1", gates=GATES)
    assert world.stage(spec) == [(0, "Run r-1: Staged.")]
    report = world.report(spec)
    assert (report.run, report.outcome, report.message) == ("r-1", "Staged", "")
    features, embeddings = report.outputs
    assert (features.physical, features.rows) == ("images__r_1_00000000", 40)
    assert (embeddings.physical, embeddings.rows, embeddings.dimension) == (spec.vectors[0].collection, 40, 8)
    assert (embeddings.index, embeddings.recall, embeddings.encoder) == ("Flat", 1.0, "encoder")
    assert embeddings.encoder_digest.startswith("sha256:")
    assert all(gate.passed for gate in report.gates)
    assert [gate.name for gate in report.gates] == [gate["name"] for gate in GATES]
    found = read_features(world, "images__r_1_00000000", [1, 39, 40])
    assert np.allclose(found["ink"][:2], [1 / 40, 39 / 40])
    assert found["label"] == ["label 1", "label 39", None]
    assert neighbours(spec, [0, 3, 17]) == [(0, None), (3, 3), (17, 17)]

    # A later run that drifted, and misses a metric: every failed gate is told with its value and bound.
    world.train("r-2", lambda run: write_run(run, features={"ink": np.linspace(5, 9, 40, dtype=np.float32)}))
    asked = [*GATES[5:], {"name": "f1", "type": "Metric", "metric": {"metric": "f1", "min": "0.5"}}]
    active = {"run": "r-1", "uri": spec.run_uri}
    ((code, _),) = world.stage(second := world.spec("r-2", gates=asked, baseline=active))
    refused = world.report(second)
    assert (code, refused.outcome) == (0, "Rejected")
    drift, centroid, metric = refused.gates
    assert (drift.passed, drift.bound) == (False, "<= 0")
    assert drift.value > 1
    assert (centroid.passed, centroid.value) == (True, 0)
    assert (metric.passed, metric.message) == (False, "The manifest has no metric 'f1'; it has accuracy")
    assert f"gate drift: features.ink moved by {drift.value:.4f} (bound <= 0)" in refused.message
    assert neighbours(spec, [3]) == [(3, 3)]


def test_a_killed_staging_goes_on_and_ends_as_if_it_had_not_been(world: Any, write_run: Any) -> None:
    rows, shards = 12_000, 60
    world.train("r-1", lambda run: write_run(run, rows, shards))
    spec = world.spec("r-1", gates=GATES[:5])
    marks = Path(spec.stage_uri) / "shards"

    def done(output: str) -> dict[str, int]:
        return {mark.name: mark.stat().st_mtime_ns for mark in marks.glob(f"*/{output}-*.json")}

    job = world.start(spec)
    deadline = time.monotonic() + 60
    while len(done("features")) < 2 or not done("embeddings"):
        assert job.poll() is None, job.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    job.kill()
    job.wait(10)
    job.stdout.close()
    before = done("features")
    assert 2 <= len(before) < shards
    assert world.report(spec) is None

    assert world.stage(spec) == [(0, "Run r-1: Staged.")]
    assert before.items() <= done("features").items(), "a shard that was done is not done again"
    assert len(done("features")) == len(done("embeddings")) == shards
    report = world.report(spec)
    assert [output.rows for output in report.outputs] == [rows, rows]
    assert online_rows(world, "images__r_1_00000000") == rows * 2
    assert read_features(world, "images__r_1_00000000", [0, rows - 1])["label"] == ["label 0", f"label {rows - 1}"]
    assert neighbours(spec, [0, 599, rows - 1]) == [(0, 0), (599, 9), (rows - 1, 9)]

    after = {**done("features"), **done("embeddings")}
    assert world.stage(spec) == [(0, "Run r-1: Staged.")]
    assert world.report(spec) == report
    assert {**done("features"), **done("embeddings")} == after
    assert online_rows(world, "images__r_1_00000000") == rows * 2


def test_a_store_that_is_away_fails_the_try_and_leaves_no_report(world: Any, write_run: Any) -> None:
    world.train("r-1", write_run)
    away = {"uri": "http://127.0.0.1:1", "timeoutSeconds": 1}
    no_milvus = world.spec("r-1", features=[], vectors=[world.collection("r-1", connection=away)])
    gone = {**world.config, "registry": {"registry_type": "sql", "path": "sqlite:////no/such/folder/registry.db"}}
    no_feast = world.spec("r-1", features=[world.view("r-1", config=gone)], vectors=[])
    no_artifacts = world.spec("r-1", stageUri="nowhere://bucket/staging", vectors=[])
    (milvus, feast, artifacts) = world.stage(no_milvus, no_feast, no_artifacts)
    assert milvus[0] == feast[0] == artifacts[0] == 1
    assert milvus[1].startswith("Error: Milvus at http://127.0.0.1:1 did not answer")
    assert feast[1].startswith("Error: Feast project 'demo': the registry does not answer")
    assert artifacts[1].startswith("Error: nowhere://bucket: no such store is known here")
    assert world.report(no_milvus) is None
    assert world.report(no_feast) is None


def test_the_latest_event_of_an_entity_counts_whatever_shard_it_is_in_and_age_is_no_fault(world: Any) -> None:
    moments = [NOW + timedelta(hours=hours) for hours in (3, 1, 2)]

    def write(run: Any) -> None:
        for moment in moments:
            columns = {
                "id": [1, 2],
                "ink": np.array([moment.hour, moment.hour + 10], np.float32),
                "label": [f"at {moment.hour}", None],
                "event_timestamp": pa.array([moment] * 2, pa.timestamp("us", "UTC")),
            }
            run.write_features("features", columns, entity_keys=["id"])

    world.train("r-1", write)
    kept, aged = world.view("r-1"), world.view("r-1", resource="aged", view="aged__r_1", ttlSeconds=3600)
    spec = world.spec("r-1", features=[kept, aged], vectors=[])
    ((code, line),) = world.stage(spec)
    assert (code, line) == (0, "Run r-1: Staged.")
    assert read_features(world, "images__r_1_00000000", [1, 2]) == {
        "id": [1, 2],
        "ink": [3, 13],
        "label": ["at 3", None],
    }
    store = open_store(world.config)
    keys = [{"id": 1}, {"id": 2}, {"id": 3}]
    assert read_rows(store, "aged__r_1", keys, ["ink"], ttl_seconds=3600) == [None] * 3
    assert read_rows(store, "images__r_1_00000000", keys, ["label"]) == [{"label": "at 3"}, {"label": None}, None]
