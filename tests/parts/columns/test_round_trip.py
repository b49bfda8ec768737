"""Values of every type, from Arrow through the stores to JSON and back: equal."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stored import read_rows, search_rows, write_rows

from penstock.columns.arrow import arrow_type, canonical
from penstock.columns.table import KEYS, ValueType
from penstock.gateway.responses import answer
from penstock.handoff import CollectionTarget, MilvusConnection, ViewTarget
from penstock.stores.feast.store import open_store
from penstock.stores.feast.views import register_view
from penstock.stores.milvus.client import connect
from penstock.stores.milvus.writer import MilvusWriter

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NUMBERS = itertools.count()
FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
ACCEPTED = [(type_, accepted) for type_ in ValueType for accepted in type_.row.accepts]


def values(accepted: str) -> st.SearchStrategy[Any]:
    """Every value that a column of this Arrow type may have in an output."""
    source = pa.type_for_alias(accepted)
    if pa.types.is_integer(source):
        edge = 2 ** (source.bit_width - 1)
        low, high = (-edge, edge - 1) if pa.types.is_signed_integer(source) else (0, 2 * edge - 1)
        return st.integers(low, high)
    if pa.types.is_floating(source):
        return st.floats(width=source.bit_width, allow_infinity=False)
    return st.booleans() if pa.types.is_boolean(source) else st.text(max_size=40)


def column_of(accepted: str) -> st.SearchStrategy[pa.Array]:
    source = pa.type_for_alias(accepted)
    return st.lists(st.none() | values(accepted), min_size=1, max_size=6).map(lambda found: _array(found, source))


def _array(found: list[Any], source: pa.DataType) -> pa.Array:
    # pyarrow makes half floats of NumPy's only.
    return pa.array([np.float16(one) if source == pa.float16() and one is not None else one for one in found], source)


def expected(column: pa.Array, type_: ValueType) -> list[Any]:
    """What went in, as a JSON document gives it; a NaN is null."""
    found = [None if one != one else one for one in column.to_pylist()]
    return [type_.row.python(one) if one is not None else None for one in found]


def through_json(found: list[Any]) -> Any:
    return json.loads(answer({"found": found}).body)["found"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("round_trip")


def view(folder: Path, name: str, key: ValueType, feature: ValueType) -> ViewTarget:
    config = {
        "project": "demo",
        "provider": "local",
        "registry": {"registry_type": "sql", "path": f"sqlite:///{folder}/registry.db"},
        "online_store": {"type": "sqlite", "path": f"{folder}/online.db"},
        "offline_store": {"type": "file"},
        "entity_key_serialization_version": 3,
    }
    target = ViewTarget.model_validate(
        {
            "output": "features",
            "resource": "v",
            "store": "s",
            "view": name,
            "config": config,
            "entities": [{"name": f"key_{key}", "type": key}],
            "features": [{"name": "x", "type": feature}],
            "timestampField": "at",
        }
    )
    register_view(open_store(config), target, "/nowhere.parquet")
    return target


def give(target: ViewTarget, keys: pa.Array, column: pa.Array) -> list[Any]:
    """Write rows to Feast, and read them by their keys."""
    types = {field.name: field.type for field in (*target.entities, *target.features)}
    (key,) = (entity.name for entity in target.entities)
    batch = pa.record_batch({key: keys, "x": column, "at": pa.array([NOW] * len(keys), pa.timestamp("us", "UTC"))})
    store = open_store(target.config)
    write_rows(store, target, canonical(batch, types))
    rows = read_rows(store, target.view, [{key: one} for one in through_json(keys.to_pylist())], ["x"])
    assert None not in rows
    return through_json([row["x"] for row in rows if row is not None])


@pytest.mark.parametrize(("type_", "accepted"), ACCEPTED)
def test_a_feature_comes_back_from_feast(folder: Path, type_: ValueType, accepted: str) -> None:
    target = view(folder, f"feature_{type_}_{accepted}", ValueType.INT64, type_)

    @FEW
    @given(column_of(accepted))
    def goes_through(column: pa.Array) -> None:
        keys = pa.array([next(NUMBERS) for _ in column], pa.int64())
        assert give(target, keys, column) == expected(column, type_)

    goes_through()


@pytest.mark.parametrize(("key", "accepted"), [(key, accepted) for key in KEYS for accepted in key.row.accepts])
def test_a_row_is_found_by_its_key_in_feast(folder: Path, key: ValueType, accepted: str) -> None:
    target = view(folder, f"key_{key}_{accepted}", key, ValueType.INT64)

    @FEW
    @given(st.lists(values(accepted), min_size=1, max_size=6, unique=True))
    def goes_through(keys: list[Any]) -> None:
        column = pa.array([next(NUMBERS) for _ in keys], pa.int64())
        assert give(target, pa.array(keys, pa.type_for_alias(accepted)), column) == column.to_pylist()

    goes_through()


@pytest.fixture
def collection(milvus_uri: str) -> Iterator[Any]:
    """Makes a collection with one scalar field."""
    connection = MilvusConnection(uri=milvus_uri, timeout_seconds=5)
    with connect(connection) as client:

        def make(name: str, id_: ValueType, scalar: ValueType) -> Any:
            target = CollectionTarget.model_validate(
                {
                    "output": "embeddings",
                    "resource": "c",
                    "store": "s",
                    "collection": name,
                    "connection": connection.model_dump(),
                    "dimension": 2,
                    "metric": "L2",
                    "index": {},
                    "scalarFields": [{"name": "x", "type": scalar}],
                }
            )
            writer = MilvusWriter(client, target)
            assert writer.prepare(id_)

            def give(ids: pa.Array, column: pa.Array) -> list[tuple[Any, Any]]:
                """Write rows to Milvus, and find each by its vector: ids and scalars."""
                places = np.array([[next(NUMBERS), 0] for _ in ids], np.float32)
                vectors = pa.FixedSizeListArray.from_arrays(places.ravel(), 2)
                batch = pa.record_batch({"id": ids, "vector": vectors, "x": column})
                assert list(writer.write(iter([canonical(batch, {"id": id_, "x": scalar})]))) == [len(ids)]
                hits = search_rows(target, places, 1, {"x": scalar})
                return [tuple(pair) for pair in through_json([[hit.id, hit.fields["x"]] for (hit,) in hits])]

            return give

        yield make


@pytest.mark.parametrize(("type_", "accepted"), ACCEPTED)
def test_a_scalar_comes_back_from_milvus(collection: Any, type_: ValueType, accepted: str) -> None:
    give = collection(f"scalar_{type_}_{accepted}", ValueType.INT64, type_)

    @settings(FEW, max_examples=8)
    @given(column_of(accepted))
    def goes_through(column: pa.Array) -> None:
        ids = pa.array([next(NUMBERS) for _ in column], pa.int64())
        assert give(ids, column) == list(zip(ids.to_pylist(), expected(column, type_), strict=True))

    goes_through()


def test_an_id_of_64_bits_comes_back_from_milvus(collection: Any) -> None:
    give = collection("ids_Int64", ValueType.INT64, ValueType.BOOL)
    ids = pa.array([2**63 - 1, -(2**63) + 1, 2**53 + 1, 0], arrow_type(ValueType.INT64))
    assert [id_ for id_, _ in give(ids, pa.array([True] * 4))] == ids.to_pylist()
