"""`penstock query` against a gateway that answers as the real one does."""

from __future__ import annotations

import json
import math
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penstock.serving import (
    Forbidden,
    GatewayClient,
    GatewayUnavailable,
    QueryRefused,
    RateLimited,
    ServingError,
    Unauthorized,
)

FEATURES = {"run": "r-1", "rows": [{"features": {"ink": 0.25}}, {"features": None}]}
HIT = {"id": 7, "score": 0.5, "fields": {"label": 3}, "features": {"ink": 0.25}}


class Handler(BaseHTTPRequestHandler):
    """Answers by the last part of the path, and keeps what it was asked."""

    asked: list[tuple[str, Any, str | None]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append((self.path, body, self.headers.get("Authorization")))
        code, answer = 200, FEATURES if "/features/" in self.path else {"run": "r-1", "results": [[HIT]]}
        if "absent" in self.path:
            code, answer = 404, {"message": "Run 'absent' is not kept", "run": None}
        if "refused-" in self.path:
            code = int(self.path.rsplit("-", 1)[1])
            answer = {"error": "X", "message": f"answered {code}", "run": None}
        self.send_response(code)
        if code == 429:
            self.send_header("Retry-After", "7")
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, Any, str | None]]]:
    Handler.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("PENSTOCK_GATEWAY", f"http://127.0.0.1:{server.server_port}")
    yield Handler.asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_features_of_the_one_materialization_that_feeds_the_view(
    penstock: Any, applied: Path, asked: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENSTOCK_GATEWAY_TOKEN", "a-key")
    done = penstock("query", "features", "digit-features", "image_id=1", "--entity", '{"image_id": "x"}')
    assert done.stdout.splitlines() == ["Run r-1", "IMAGE_ID   INK", "x          0.25", "1          <none>"]
    ((path, body, authorization),) = asked
    assert path == "/v1/default/digits/features/digit-features"
    assert body["entities"] == [{"image_id": "x"}, {"image_id": 1}]
    assert authorization == "Bearer a-key"


def test_vectors_by_a_file_with_a_join(penstock: Any, world: Any, asked: list[Any], tmp_path: Path) -> None:
    query = tmp_path / "image.json"
    query.write_text("[[0, 1], [2, 3]]")
    options = ["-m", "digits", "-k", "3", "--filter", "label == 3", "--join", "digit-features:image_id", "--run", "r-1"]
    done = penstock("query", "vectors", "digit-images", "--input", f"@{query}", *options, "-o", "json")
    assert json.loads(done.stdout) == {"run": "r-1", "results": [[HIT]]}
    ((path, body, _),) = asked
    assert path == "/v1/default/digits/vectors/digit-images?run=r-1"
    assert (body["inputs"], body["k"], body["filter"]) == ([[[0, 1], [2, 3]]], 3, "label == 3")
    assert body["join"] == {"view": "digit-features", "key": "image_id"}


def test_what_cannot_be_asked(penstock: Any, applied: Path, asked: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    assert penstock("query", "features", "digit-features").exit_code == 2
    assert penstock("query", "features", "digit-features", "--entity", "{").exit_code == 2
    assert penstock("query", "vectors", "c", "--vector", "[1]", "--input", "[1]").exit_code == 2
    unfed = penstock("query", "vectors", "digit-images", "--vector", "[1]")
    assert (unfed.exit_code, "No materialization feeds vectorcollection/digit-images" in unfed.stderr) == (1, True)
    assert asked == []
    refused = penstock("query", "features", "digit-features", "image_id=1", "--run", "absent")
    assert (refused.exit_code, refused.stderr) == (1, "Error: Run 'absent' is not kept\n")
    monkeypatch.setenv("PENSTOCK_GATEWAY", "http://127.0.0.1:9")
    assert penstock("query", "features", "digit-features", "image_id=1").exit_code == 7


def test_values_of_numpy_are_sent_as_numbers_and_what_json_has_not_is_refused(asked: list[Any]) -> None:
    with GatewayClient(os.environ["PENSTOCK_GATEWAY"]) as gateway:
        gateway.features("default", "digits", "digit-features", [{"image_id": np.int64(1)}, {"image_id": 2}])
        assert asked[0][1]["entities"] == [{"image_id": 1}, {"image_id": 2}]
        for vector in ([math.nan], [object()]):
            with pytest.raises(QueryRefused, match="cannot be sent as JSON"):
                gateway.search("default", "digits", "digit-images", vectors=[vector])


@pytest.mark.parametrize(
    ("code", "kind"), [(401, Unauthorized), (403, Forbidden), (429, RateLimited), (503, GatewayUnavailable)]
)
def test_refusals_have_names(asked: list[Any], code: int, kind: type[ServingError]) -> None:
    with (
        GatewayClient(os.environ["PENSTOCK_GATEWAY"]) as gateway,
        pytest.raises(kind, match=f"answered {code}") as told,
    ):
        gateway.features("default", "digits", "view", [{"id": 1}], run=f"refused-{code}")
    if isinstance(told.value, RateLimited):
        assert told.value.retry_after == 7


def test_a_missing_token_is_told_with_the_variable(penstock: Any, asked: list[Any]) -> None:
    options = ["id=1", "-m", "digits", "-n", "default", "--run", "refused-401"]
    refused = penstock("query", "features", "view", *options)
    assert (refused.exit_code, "PENSTOCK_GATEWAY_TOKEN" in refused.stderr) == (1, True)
