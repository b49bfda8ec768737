"""Values of every type, written by training code, staged, and asked for over HTTP: as they were written."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from penstock.columns.table import ValueType
from penstock.materialize.job import run_staging

LARGE = 2**53 + 1
"""The first whole number that a double has not."""
ARROW = {
    "i8": (ValueType.INT32, pa.array([-128, None, 127], pa.int8())),
    "i32": (ValueType.INT32, pa.array([-(2**31), None, 2**31 - 1], pa.int32())),
    "i64": (ValueType.INT64, pa.array([-(2**63), None, LARGE], pa.int64())),
    "u32": (ValueType.INT64, pa.array([0, None, 2**32 - 1], pa.uint32())),
    "f16": (ValueType.FLOAT64, pa.array([np.float16(0.5), None, np.float16("nan")], pa.float16())),
    "f32": (ValueType.FLOAT64, pa.array([0.25, None, float("nan")], pa.float32())),
    "f64": (ValueType.FLOAT64, pa.array([0.1, None, 5e-324], pa.float64())),
    "text": (ValueType.STRING, pa.array(["", None, "a\U0001f600"], pa.large_string())),
    "word": (ValueType.STRING, pa.array(["a", None, "b"]).dictionary_encode()),
    "yes": (ValueType.BOOL, pa.array([True, None, False])),
}
EXPECTED = [
    {name: None if row != row else row for name, row in zip(ARROW, values, strict=True)}
    for values in zip(*(column.to_pylist() for _, column in ARROW.values()), strict=True)
]
KEYS = [{"page": -(2**31), "name": ""}, {"page": 0, "name": "\U0001f600"}, {"page": 2**31 - 1, "name": "z"}]
IDS = [LARGE, -(2**62), 0]
VECTORS = np.eye(3, 8, dtype=np.float32)
RUN = "r-typed"


@pytest.fixture(scope="module")
def typed(staged: Any) -> Any:
    """The staged runs, and one whose view and collection have columns of every type."""

    def write(run: Any) -> None:
        keys = {
            "page": pa.array([key["page"] for key in KEYS], pa.int32()),
            "name": [key["name"] for key in KEYS],
            "event_timestamp": pa.array([datetime(2026, 1, 1, tzinfo=UTC)] * 3, pa.timestamp("us", "UTC")),
        }
        columns = {name: column for name, (_, column) in ARROW.items()}
        run.write_features("features", keys | columns, entity_keys=["page", "name"])
        run.write_embeddings("embeddings", IDS, VECTORS, **columns)

    staged.world.train(RUN, write)
    fields = [{"name": name, "type": type_} for name, (type_, _) in ARROW.items()]
    entities = [{"name": "page", "type": "Int32"}, {"name": "name", "type": "String"}]
    view = staged.world.view(RUN, entities=entities, features=fields)
    collection = staged.world.collection(RUN, scalarFields=fields, encoder=None)
    report = run_staging(staged.world.spec(RUN, features=[view], vectors=[collection]))
    assert (report.outcome, report.message) == ("Staged", "")
    return dataclasses.replace(staged, reports={**staged.reports, RUN: report})


@pytest.fixture
async def serve(gateway_of: Callable[..., Any], typed: Any) -> Any:
    async def serve(**changed: Any) -> Any:
        gateway = gateway_of()
        await gateway.serve(typed.pointer(RUN, **changed))
        return gateway

    return serve


async def post(gateway: Any, path: str, body: Any) -> Any:
    """A query by a client that writes half a character as JSON can, with a backslash."""
    headers = {"Content-Type": "application/json"}
    return await gateway.http.post(f"/v1/default/m/{path}", content=json.dumps(body), headers=headers)


async def test_features_of_every_type_by_keys_of_every_type(serve: Any) -> None:
    gateway = await serve()
    answer = await gateway.ask("features/images", {"entities": KEYS})
    assert answer.status_code == 200, answer.text
    assert [row["features"] for row in answer.json()["rows"]] == EXPECTED
    assert str(LARGE) in answer.text
    (view,) = (await gateway.ask("/v1/default/m")).json()["views"]
    assert view["keys"] == {"page": "Int32", "name": "String"}


@pytest.mark.parametrize("serving", ["Store", "InMemory"])
async def test_fields_of_every_type_from_the_store_and_from_memory(serve: Any, serving: str) -> None:
    gateway = await serve(serving=serving)
    answer = await gateway.ask("vectors/images", {"vectors": VECTORS.tolist(), "k": 1})
    assert answer.status_code == 200, answer.text
    hits = [hits[0] for hits in answer.json()["results"]]
    assert [hit["id"] for hit in hits] == IDS
    assert [hit["fields"] for hit in hits] == EXPECTED


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ({"page": 2**31, "name": ""}, "entities[0].page is 2147483648: an Int32 has 32 bits"),
        ({"page": 1, "name": "\ud800"}, "entities[0].name is '\\ud800': it holds half a character"),
        ({"page": 1.0, "name": ""}, "entities[0].page is 1.0: an Int32 is needed"),
    ],
)
async def test_a_key_that_the_store_cannot_have_is_the_callers_mistake(
    serve: Any, key: dict[str, Any], message: str
) -> None:
    answer = await post(await serve(), "features/images", {"entities": [key]})
    assert answer.status_code == 400, answer.text
    assert message in answer.json()["message"]


async def test_a_refusal_can_quote_half_a_character(serve: Any) -> None:
    answer = await post(await serve(), "vectors/images", {"vectors": VECTORS.tolist(), "encoder": "\ud800"})
    assert answer.status_code == 409, answer.text
    assert "of encoder \\ud800" in answer.json()["message"]
