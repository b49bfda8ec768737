"""What the gateway answers, out of real stores: one run, named, and right."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

INPUT = [0.5, 1.0, -1.0, 2.0]  # the encoder of the runs multiplies by ones: every number becomes 2.5


def cosine(rows: np.ndarray, query: list[float]) -> np.ndarray:
    asked = np.asarray(query)
    return rows @ asked / np.linalg.norm(rows, axis=1) / np.linalg.norm(asked)


async def test_features_by_keys_in_order_and_none_for_the_unknown(gateway: Any) -> None:
    answer = await gateway.ask("features/images", {"entities": [{"id": 7}, {"id": 999}, {"id": 1}]})
    assert answer.status_code == 200
    assert answer.headers["Penstock-Run"] == "r-1"
    body = answer.json()
    assert (body["run"], body["view"]) == ("r-1", "images")
    assert [row["entity"] for row in body["rows"]] == [{"id": 7}, {"id": 999}, {"id": 1}]
    seven, unknown, one = (row["features"] for row in body["rows"])
    assert_allclose([seven["ink"], one["ink"]], [7 / 40, 1 / 40], rtol=1e-6)
    assert seven["label"] == "label 7"
    assert unknown is None
    only = await gateway.ask("features/images", {"entities": [{"id": 7}], "features": ["label"]})
    assert only.json()["rows"][0]["features"] == {"label": "label 7"}


@pytest.mark.parametrize("serving", ["Store", "InMemory"])
async def test_neighbours_by_vector_by_input_and_joined(gateway: Any, staged: Any, serving: str) -> None:
    await gateway.serve(staged.pointer("r-2"))
    await gateway.serve(staged.pointer("r-1", serving=serving))
    rows = staged.vectors["r-1"]
    for query in ({"vectors": [[2.5] * 8]}, {"inputs": [INPUT]}):
        answer = await gateway.ask("vectors/images", query | {"k": 4, "join": {"view": "images"}})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert body["run"] == "r-1"
        (hits,) = body["results"]
        exact = cosine(rows, [2.5] * 8)
        best = np.argsort(-exact)[:4]
        assert [hit["id"] for hit in hits] == best.tolist()
        assert_allclose([hit["score"] for hit in hits], exact[best], rtol=1e-4)
        assert [hit["fields"]["digit"] for hit in hits] == (best % 10).tolist()
        assert_allclose([hit["features"]["ink"] for hit in hits], best / 40, rtol=1e-5)
    filtered = await gateway.ask("vectors/images", {"vectors": [[2.5] * 8], "k": 40, "filter": "digit == 3"})
    assert {hit["id"] for hit in filtered.json()["results"][0]} == {3, 13, 23, 33}
    bare = await gateway.ask("vectors/images", {"vectors": [[2.5] * 8] * 2, "k": 2, "fields": []})
    assert [[hit["fields"] for hit in hits] for hits in bare.json()["results"]] == [[{}, {}], [{}, {}]]


async def test_a_kept_run_can_be_pinned_and_another_encoders_vectors_are_refused(gateway: Any) -> None:
    pinned = await gateway.ask("features/images", {"entities": [{"id": 7}]}, run="r-2")
    assert pinned.json()["run"] == "r-2"
    assert_allclose(pinned.json()["rows"][0]["features"]["ink"], 10 + 7 / 40)
    told = (await gateway.ask("/v1/default/m")).json()
    assert (told["run"], told["runs"], told["switched_at"]) == ("r-1", ["r-1", "r-2"], "2026-01-01T00:00:00Z")
    (collection,) = told["collections"]
    assert (collection["dimension"], collection["rows"], collection["metric"]) == (8, 40, "Cosine")
    assert collection["encoder"]["shape"] == [4]
    digest = collection["encoder"]["digest"]
    query = {"vectors": [[1.0] * 8], "k": 1}
    assert (await gateway.ask("vectors/images", query | {"encoder": digest})).status_code == 200
    refused = await gateway.ask("vectors/images", query | {"encoder": "sha256:other"})
    assert (refused.status_code, refused.json()["error"]) == (409, "EncoderMismatch")


async def test_no_answer_mixes_runs_while_the_pointer_moves(gateway: Any, staged: Any) -> None:
    stop = asyncio.Event()
    bodies: list[dict[str, Any]] = []

    async def client() -> None:
        while not stop.is_set():
            answer = await gateway.ask("vectors/images", {"inputs": [INPUT], "k": 3, "join": {"view": "images"}})
            assert answer.status_code == 200
            bodies.append(answer.json())

    clients = [asyncio.create_task(client()) for _ in range(4)]
    for turn in range(12):
        await gateway.serve(staged.pointer(("r-2", "r-1")[turn % 2]))
        await asyncio.sleep(0.1)
    stop.set()
    await asyncio.gather(*clients)
    assert {body["run"] for body in bodies} == {"r-1", "r-2"}
    for body in bodies:
        exact = cosine(staged.vectors[body["run"]], [2.5] * 8)
        best = np.argsort(-exact)[:3]
        (hits,) = body["results"]
        assert [hit["id"] for hit in hits] == best.tolist()
        assert_allclose([hit["score"] for hit in hits], exact[best], rtol=1e-4)
        offset = 10 if body["run"] == "r-2" else 0
        assert_allclose([hit["features"]["ink"] for hit in hits], best / 40 + offset, rtol=1e-5)


async def test_health_metrics_and_the_document_of_the_routes(gateway: Any) -> None:
    assert (await gateway.ask("/healthz")).text == "ok"
    assert (await gateway.ask("/readyz")).status_code == 503
    gateway.catalog.synced = True
    assert (await gateway.ask("/readyz")).text == "ok"
    await gateway.ask("features/images", {"entities": [{"id": 7}]})
    metrics = (await gateway.ask("/metrics")).text
    route = "/v1/{namespace}/{materialization}/features/{view}"
    assert f'penstock_gateway_requests_total{{code="200",route="{route}"}}' in metrics
    assert "penstock_gateway_request_seconds_bucket" in metrics
    document = (await gateway.ask("/openapi.json")).json()
    assert route in document["paths"]
    assert (await gateway.ask("/v1")).json() == ["default/m"]
