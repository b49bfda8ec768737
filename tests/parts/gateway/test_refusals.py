"""What the gateway refuses, and what it says when a part of the world is away."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from penstock.gateway.limits import Limits

VECTOR = [[1.0] * 8]


@pytest.mark.parametrize(
    ("path", "body", "code", "message"),
    [
        ("features/images", {"entities": [{"id": "7"}]}, 400, "entities[0].id is '7': an Int64 is needed"),
        ("features/images", {"entities": [{"id": True}]}, 400, "entities[0].id is True: an Int64 is needed"),
        ("features/images", {"entities": [{"id": 1}, {"di": 7}]}, 400, "entities[1] lacks the key 'id'"),
        ("features/images", {"entities": [{"id": 1, "x": 2}]}, 400, "entities[0] has the unknown key 'x'"),
        ("features/images", {"entities": [{"id": 10**30}]}, 400, "an Int64 has 64 bits"),
        ("features/images", {"entities": []}, 400, "body.entities: List should have at least 1 item"),
        ("features/images", {"entitys": [{"id": 1}]}, 400, "body.entities: Field required"),
        ("features/images", {"entities": [{"id": 1}], "features": ["i"]}, 404, "no feature 'i': it has ink, label"),
        ("features/nope", {"entities": [{"id": 1}]}, 404, "Run r-1 has no view 'nope': it has images"),
        ("vectors/nope", {"vectors": VECTOR}, 404, "Run r-1 has no collection 'nope': it has images"),
        ("vectors/images", {"vectors": [[1.0] * 7]}, 400, "vectors[0] has 7 numbers: collection 'images' has dim"),
        ("vectors/images", {"vectors": [[1e300] * 8]}, 400, "vectors[0] holds a number that is not finite"),
        ("vectors/images", {"vectors": [["a"] * 8]}, 400, "body.vectors.0.0: Input should be a valid number"),
        ("vectors/images", {"inputs": [[1.0] * 5]}, 400, "inputs[0] has shape [5]: the encoder takes [4]"),
        ("vectors/images", {"inputs": ["text"]}, 400, "inputs[0] is not an array of float32"),
        ("vectors/images", {"inputs": [[1.0, 2.0, 3.0, float(10**39)]]}, 400, "inputs[0] holds a number that is not"),
        ("vectors/images", {"vectors": VECTOR, "inputs": [[1.0] * 4]}, 400, "set exactly one of vectors and inputs"),
        ("vectors/images", {"vectors": VECTOR, "k": 0}, 400, "body.k: Input should be greater than or equal to 1"),
        ("vectors/images", {"vectors": VECTOR, "k": 100000}, 400, "k is 100000, over the limit of 1000"),
        ("vectors/images", {"vectors": VECTOR, "filter": "digt == 3"}, 400, "with the filter 'digt == 3'"),
        ("vectors/images", {"vectors": VECTOR, "fields": ["x"]}, 404, "no field 'x': it has digit"),
        ("vectors/images", {"vectors": VECTOR, "join": {"view": "images", "key": "x"}}, 400, "join.key is 'x'"),
        ("vectors/images", {"vectors": VECTOR * 300}, 400, "300 queries are over the limit of 256"),
        ("features/images", {"entities": [{"id": 1}] * 1100}, 400, "1100 entities are over the limit of 1024"),
    ],
)
async def test_a_query_that_does_not_fit_is_refused_with_the_place(
    gateway: Any, path: str, body: Any, code: int, message: str
) -> None:
    answer = await gateway.ask(path, body)
    assert answer.status_code == code, answer.text
    assert message in answer.json()["message"]


async def test_unknown_names_runs_and_routes_are_told(gateway: Any) -> None:
    gateway.catalog.synced = True
    missing = await gateway.ask("/v1/default/other")
    assert (missing.status_code, missing.json()["message"]) == (
        404,
        "No materialization default/other is known here: GET /v1 lists what is",
    )
    pinned = await gateway.ask("features/images", {"entities": [{"id": 1}]}, run="r-9")
    assert (pinned.status_code, pinned.json()["message"]) == (
        404,
        "Materialization 'm' keeps no run 'r-9': it keeps r-1, r-2",
    )
    assert (await gateway.ask("/v2")).status_code == 404
    assert (await gateway.http.get("/v1/default/m/features/images")).status_code == 405
    broken = await gateway.http.post("/v1/default/m/features/images", content=b"{")
    assert (broken.status_code, broken.json()["error"]) == (400, "InvalidQuery")
    deep = await gateway.http.post("/v1/default/m/features/images", content=b"[" * 200_000)
    assert (deep.status_code, deep.json()["error"]) == (400, "InvalidQuery")
    assert "not served" not in deep.json()["message"]


async def test_a_body_over_the_limit_is_refused_whether_its_length_is_told_or_not(gateway_of: Any) -> None:
    gateway = gateway_of(Limits(body_bytes=1000))

    async def pieces() -> Any:
        for _ in range(20):
            yield b"x" * 100

    for content in (b"x" * 2000, pieces()):
        answer = await gateway.http.post("/v1/default/m/vectors/images", content=content)
        assert answer.status_code == 413
        assert "over the limit of 1000 bytes" in answer.json()["message"]


async def test_a_milvus_that_is_away_is_told_and_features_go_on(gateway: Any, staged: Any) -> None:
    away = staged.pointer("r-1")
    away.status.active.run = "r-3"
    gateway.catalog.follow(staged.pointer("r-1"))
    collection = (await gateway.catalog.bundle("default", "m")).collection("images")
    client = collection.server._client
    collection.server._client = _Away(client)
    answers = [
        asyncio.create_task(gateway.ask("vectors/images", {"vectors": VECTOR})),
        asyncio.create_task(gateway.ask("features/images", {"entities": [{"id": 1}]})),
    ]
    searched, read = await asyncio.gather(*answers)
    assert (searched.status_code, searched.headers["Retry-After"]) == (503, "1")
    assert "did not answer" in searched.json()["message"]
    assert read.status_code == 200


class _Away:
    """A client whose server went away."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def search(self, *args: Any, **kwargs: Any) -> Any:
        from pymilvus.exceptions import MilvusException

        raise MilvusException(code=2, message="Fail connecting to server, server unavailable")


async def test_an_encoder_that_was_altered_or_swapped_never_encodes(gateway_of: Any, gateway: Any, staged: Any) -> None:
    swapped = gateway_of()
    swapped.catalog.follow(staged.pointer("r-2", encoderDigest="sha256:other"))
    path = Path(staged.world.folder) / "r-2" / "outputs" / "encoder" / "encoder.onnx"
    original = path.read_bytes()
    path.write_bytes(original[:-1] + b"\0")
    try:
        gateway.catalog.follow(staged.pointer("r-2"))
        await asyncio.sleep(0.3)
        assert (await gateway.catalog.bundle("default", "m")).run == "r-1"
        assert "is not what the manifest says" in gateway.catalog.entry("default", "m").problem
    finally:
        path.write_bytes(original)
    assert "is not the one that filled" in swapped.catalog.entry("default", "m").problem
    await gateway.serve(staged.pointer("r-2"))
    assert (await gateway.ask("/v1/default/m")).json()["run"] == "r-2"


async def test_more_queries_than_may_wait_are_sent_away(gateway_of: Any, staged: Any) -> None:
    gateway = gateway_of(Limits(waiting=0))
    await gateway.serve(staged.pointer("r-1"))
    asked = [gateway.ask("features/images", {"entities": [{"id": 1}]}) for _ in range(40)]
    codes = [answer.status_code for answer in await asyncio.gather(*asked)]
    assert set(codes) == {200, 503}
