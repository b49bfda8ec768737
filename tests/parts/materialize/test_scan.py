"""Rows and schemas that break the contract are named before anything is loaded."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from penstock.columns.table import ValueType
from penstock.handoff import AttemptSource, AttemptSpec, StagingSpec
from penstock.materialize.contract import check_contract
from penstock.materialize.errors import InvalidOutput
from penstock.materialize.scan import scan_embeddings, scan_features
from penstock.rundir.manifest import Manifest
from penstock.train.commit import commit
from penstock.train.run import Run

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEYS, FEATURES = {"id": ValueType.INT64}, {"ink": ValueType.FLOAT32}
VECTORS = np.eye(4, dtype=np.float32)


class World:
    """A run in the making, and the staging that is to take it."""

    def __init__(self, folder: Path) -> None:
        self.attempt = AttemptSpec(
            namespace="default",
            name="job",
            uid="u",
            attempt=1,
            run="u-1",
            run_uri=str(folder / "run"),
            source=AttemptSource(path=str(folder)),
            entrypoint="train.py",
        )
        self.run = Run(self.attempt, 0, 1)

    def features(self, **columns: Any) -> None:
        base = {"id": [1, 2, 3, 4], "ink": pa.array([0.1, 0.2, 0.3, 0.4], pa.float32()), "event_timestamp": [NOW] * 4}
        self.run.write_features("features", base | columns, entity_keys=["id"])

    def embeddings(self, ids: Any = (1, 2, 3, 4), vectors: Any = VECTORS, **fields: Any) -> None:
        self.run.write_embeddings("embeddings", list(ids), vectors, **fields)

    def commit(self) -> Manifest:
        return commit(self.attempt)

    def staging(self, **fields: Any) -> StagingSpec:
        view = {
            "output": "features",
            "resource": "v",
            "store": "s",
            "view": "v__1",
            "config": {},
            "entities": [{"name": "id", "type": "Int64"}],
            "features": [{"name": "ink", "type": "Float32"}],
            "timestampField": "event_timestamp",
        }
        collection = {
            "output": "embeddings",
            "resource": "c",
            "store": "s",
            "collection": "c__1",
            "connection": {"uri": "http://127.0.0.1:1"},
            "dimension": 4,
            "metric": "Cosine",
            "index": {},
        }
        base = {"namespace": "default", "name": "m", "uid": "m", "run": "u-1", "runUri": self.attempt.run_uri}
        lists = {"features": [view], "vectors": [collection], "stageUri": self.attempt.run_uri + "/staging/m"}
        return StagingSpec.model_validate(base | lists | fields)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_good_run_passes(world: World) -> None:
    world.features()
    world.embeddings()
    world.commit()
    manifest = check_contract(world.staging())
    features, embeddings = manifest.output("features"), manifest.output("embeddings")
    assert features is not None
    assert embeddings is not None
    scanned = scan_features(world.attempt.run_uri, features, KEYS, FEATURES)
    assert (scanned.rows, scanned.nulls) == (4, {"ink": 0})
    assert np.allclose(scanned.samples["ink"], [0.1, 0.2, 0.3, 0.4])
    vectors = scan_embeddings(world.attempt.run_uri, embeddings, 4, KEYS)
    assert vectors.centroid is not None
    assert np.allclose(vectors.centroid, 0.25)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"ink": ["a", "b", "c", "d"]}, "'features': column 'ink' is string, not Float32"),
        ({"event_timestamp": [1, 2, 3, 4]}, "column 'event_timestamp' is int64, not a timestamp"),
    ],
)
def test_a_wrong_type_is_named(world: World, columns: dict[str, Any], message: str) -> None:
    world.features(**columns)
    world.embeddings()
    world.commit()
    with pytest.raises(InvalidOutput, match=message):
        check_contract(world.staging())


def test_a_missing_column_no_rows_and_a_missing_output_are_named(world: World) -> None:
    world.run.write_features("features", {"id": [1]}, entity_keys=["id"])
    world.commit()
    with pytest.raises(InvalidOutput, match="lacks the column 'ink'"):
        check_contract(world.staging())
    with pytest.raises(InvalidOutput, match="no output 'embeddings'; it has features"):
        check_contract(world.staging(features=[]))


def test_no_rows_are_refused(world: World) -> None:
    world.embeddings([], np.zeros((0, 4)))
    world.commit()
    with pytest.raises(InvalidOutput, match="has no rows"):
        check_contract(world.staging(features=[]))


def test_another_dimension_is_refused(world: World) -> None:
    world.embeddings(vectors=np.ones((4, 3)))
    world.commit()
    with pytest.raises(InvalidOutput, match="has dimension 3, and VectorCollection 'c' has 4"):
        check_contract(world.staging(features=[]))


def test_a_type_change_against_the_active_run_is_refused(world: World, tmp_path: Path) -> None:
    world.features(ink=["a", "b", "c", "d"])
    world.commit()
    active = {"run": "u-1", "uri": world.attempt.run_uri}
    (tmp_path / "next").mkdir()
    after = World(tmp_path / "next")
    after.features()
    after.commit()
    with pytest.raises(InvalidOutput, match="column 'ink' is float, and string in the active run"):
        check_contract(after.staging(vectors=[], baseline=active))


def test_an_arrow_type_of_the_same_meaning_is_no_change(world: World, tmp_path: Path) -> None:
    world.features(ink=pa.array([1, 2, 3, 4], pa.float16()))
    world.commit()
    active = {"run": "u-1", "uri": world.attempt.run_uri}
    (tmp_path / "next").mkdir()
    after = World(tmp_path / "next")
    after.features()
    after.commit()
    assert check_contract(after.staging(vectors=[], baseline=active)).run == "u-1"


def test_an_infinity_is_found_with_its_row(world: World) -> None:
    world.features(ink=pa.array([0.5, None, float("nan"), -float("inf")], pa.float32()))
    output = world.commit().output("features")
    assert output is not None
    with pytest.raises(InvalidOutput, match="column 'ink' is infinite in row 3"):
        scan_features(world.attempt.run_uri, output, KEYS, FEATURES)


def test_a_null_entity_key_is_found_with_its_row(world: World) -> None:
    world.features(id=[1, None, 3, 4])
    output = world.commit().output("features")
    assert output is not None
    with pytest.raises(InvalidOutput, match="entity key 'id' is null in row 1"):
        scan_features(world.attempt.run_uri, output, KEYS, FEATURES)


@pytest.mark.parametrize(
    ("ids", "vectors", "message"),
    [
        ((1, 2, 2, 4), VECTORS, "id 2 stands twice"),
        ((1, 2, 3, 4), np.where(VECTORS == 1, np.nan, 0), "the vector of id 1 holds NaN"),
    ],
)
def test_broken_embeddings_are_found_with_their_id(world: World, ids: Any, vectors: Any, message: str) -> None:
    world.embeddings(ids, vectors)
    output = world.commit().output("embeddings")
    assert output is not None
    with pytest.raises(InvalidOutput, match=message):
        scan_embeddings(world.attempt.run_uri, output, 4, KEYS)


def test_truncated_parquet_is_invalid(world: World) -> None:
    world.embeddings()
    output = world.commit().output("embeddings")
    assert output is not None
    path = Path(world.attempt.run_uri) / output.files[0].path
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InvalidOutput, match="altered or cut short"):
        check_contract(world.staging(features=[]))
