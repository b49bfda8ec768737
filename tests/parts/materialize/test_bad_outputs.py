"""A run that breaks the contract is Invalid, and the report names the output, the column and the value."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from penstock.handoff import STAGING_VARIABLE, StagingReport, StagingSpec
from penstock.materialize.__main__ import main

IDS = np.arange(40)
VECTORS = np.random.default_rng(0).normal(size=(40, 8)).astype(np.float32)
BROKEN = np.where(np.arange(40)[:, None] == 7, np.nan, VECTORS)
ONCE_MORE = [*range(39), 5]


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The job within this process: importing Feast for each run would take minutes."""

    def stage(spec: StagingSpec) -> StagingReport:
        monkeypatch.setenv(STAGING_VARIABLE, spec.model_dump_json(by_alias=True))
        assert main() == 0
        return StagingReport.model_validate_json((Path(spec.stage_uri) / "report.json").read_text())

    return stage


def nulls(type_: pa.DataType, at: int = 3) -> pa.Array:
    return pa.array([None if n == at else n for n in range(40)], type_)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"vectors": BROKEN}, "Output 'embeddings': the vector of id 7 holds NaN or infinity"),
        ({"vectors": BROKEN * np.inf}, "Output 'embeddings': the vector of id 0 holds NaN or infinity"),
        (
            {"vectors": VECTORS[:, :4]},
            "Output 'embeddings' has dimension 4, and VectorCollection 'images' has 8",
        ),
        ({"ids": ONCE_MORE}, "Output 'embeddings': id 5 stands twice"),
        ({"ids": IDS * 0.5}, "Output 'embeddings': column 'id' is double, not a whole number or string"),
        (
            {"ids": [*map(str, range(39)), "ü" * 200]},
            f"Output 'embeddings': column 'id' of id '{'ü' * 200}' has 400 bytes; 256 is the limit",
        ),
        ({"features": {"id": nulls(pa.int64())}}, "Output 'features': entity key 'id' is null in row 3"),
        ({"features": {"ink": None}}, "Output 'features' lacks the column 'ink'; it has id, label, event_timestamp"),
        ({"features": {"label": IDS}}, "Output 'features': column 'label' is int64, not String"),
        (
            {"features": {"event_timestamp": nulls(pa.timestamp("us", "UTC"))}},
            "Output 'features': event time 'event_timestamp' is null in row 3",
        ),
        ({"digits": list("a" * 40)}, "Output 'embeddings': column 'digit' is string, not Int64"),
        ({"dimension": 5}, "Encoder 'encoder' gives dimension 5, and its embeddings have 8"),
    ],
)
def test_a_value_that_nobody_could_serve_is_named(
    world: Any, write_run: Any, stage: Any, changed: dict[str, Any], message: str
) -> None:
    world.train("r-1", lambda run: write_run(run, **changed))
    report = stage(world.spec("r-1"))
    assert report.outcome == "Invalid"
    assert report.message.startswith(message)
    assert report.outputs == []


def test_an_output_that_is_empty_or_of_another_kind_is_named(world: Any, write_run: Any, stage: Any) -> None:
    def empty(run: Any) -> None:
        run.write_features("features", {"id": pa.array([], pa.int64())}, entity_keys=["id"])

    world.train("r-1", empty)
    assert stage(world.spec("r-1")).message == "Output 'features' has no rows"
    world.train("r-2", write_run)
    swapped = world.spec("r-2", vectors=[world.collection("r-2", output="features")])
    assert stage(swapped).message == "Output 'features' is Features, and Embeddings is needed"
    other = world.spec("r-2", vectors=[world.collection("r-2", encoder="embeddings")])
    assert stage(other).message == "Output 'embeddings' is Embeddings, and Encoder is needed"
    compared = world.spec("r-2", vectors=[world.collection("r-2", metric="L2")])
    assert "was trained for Cosine, and VectorCollection 'images' compares by L2" in stage(compared).message


def alter(path: Path, **fields: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda run: (run / "manifest.json").unlink(), "manifest.json is not there: the run is not complete"),
        (lambda run: (run / "manifest.json").write_text('{"schemaVersion": 1'), "manifest.json is not JSON"),
        (lambda run: (run / "manifest.json").write_text("[]"), "manifest.json: document: "),
        (lambda run: alter(run / "manifest.json", attempt="one"), "manifest.json: attempt: "),
        (lambda run: alter(run / "manifest.json", metrics={"accuracy": 1}), "the digest does not fit the content"),
        (lambda run: alter(run / "manifest.json", schemaVersion=9), "schema version 9, and this Penstock reads up to"),
        (lambda run: (run / "outputs/encoder/encoder.onnx").write_bytes(b""), "encoder.onnx is not what the manifest"),
        (lambda run: (run / "outputs/encoder/encoder.onnx").unlink(), "encoder.onnx is gone"),
        (
            lambda run: (run / "outputs/features/part-00000-00000.parquet").write_bytes(b"PAR1"),
            "part-00000-00000.parquet is not what the manifest says: it was altered or cut short",
        ),
    ],
)
def test_a_run_directory_that_was_harmed_is_named(
    world: Any, write_run: Any, stage: Any, harm: Any, message: str
) -> None:
    harm(Path(world.train("r-1", write_run)))
    report = stage(world.spec("r-1"))
    assert report.outcome == "Invalid"
    assert message in report.message


def test_a_type_that_changed_is_refused_and_a_new_column_is_not_compared(
    world: Any, write_run: Any, stage: Any
) -> None:
    active = {"run": "r-1", "uri": world.train("r-1", write_run)}
    world.train("r-2", lambda run: write_run(run, features={"ink": [f"{n}" for n in range(40)]}))
    text = world.view("r-2", features=[{"name": "ink", "type": "String"}])
    changed = stage(world.spec("r-2", features=[text], baseline=active))
    assert changed.outcome == "Invalid"
    assert changed.message == "Output 'features': column 'ink' is string, and float in the active run"

    world.train("r-3", lambda run: write_run(run, features={"age": IDS}))
    columns = [{"name": "ink", "type": "Float32"}, {"name": "age", "type": "Int64"}]
    gates = [
        {
            "name": "ink",
            "type": "PopulationStability",
            "populationStability": {"output": "features", "column": "ink", "max": "0"},
        },
        {
            "name": "age",
            "type": "PopulationStability",
            "populationStability": {"output": "features", "column": "age", "max": "0"},
        },
        {"name": "recall", "type": "IndexRecall", "indexRecall": {"output": "features", "min": "0"}},
    ]
    view = world.view("r-3", features=columns)
    report = stage(world.spec("r-3", features=[view], gates=gates, baseline=active))
    assert report.outcome == "Rejected"
    assert [(gate.passed, gate.value) for gate in report.gates] == [(True, 0), (True, None), (False, None)]
    assert report.message.startswith("Run r-3 is refused by gate recall: Output 'features' holds no vectors")


def test_a_lost_active_run_refuses_only_what_a_gate_compares_with_it(world: Any, write_run: Any, stage: Any) -> None:
    world.train("r-2", write_run)
    active = {"run": "r-1", "uri": str(world.folder / "r-1")}
    assert stage(world.spec("r-2", baseline=active)).outcome == "Staged"
    gates = [
        {"name": "drift", "type": "PopulationStability", "populationStability": {"output": "features", "max": "9"}}
    ]
    report = stage(world.spec("r-2", baseline=active, gates=gates))
    assert report.outcome == "Rejected"
    assert "the manifest of the active run r-1 cannot be read; take the gate out for one run" in report.message
