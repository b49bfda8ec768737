"""A gateway with authentication: a stand-in for the API speaks TokenReview and SubjectAccessReview over a socket."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import structlog
import uvicorn
from gateway_api import EmptyBundles, NoRuns, connected
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from structlog.testing import capture_logs

from penstock.api.materialization import Materialization
from penstock.gateway.app import create_app
from penstock.gateway.auth.access import Access
from penstock.gateway.auth.keys import StaticKeyAccess
from penstock.gateway.auth.rate import Buckets
from penstock.gateway.auth.review import TokenReviewAccess
from penstock.gateway.auth.reviews import KubernetesReviews
from penstock.gateway.catalog import Catalog
from penstock.gateway.health import Lifecycle
from penstock.gateway.kubernetes import Kubernetes

NOW = "2026-01-01T00:00:00Z"
TOKEN, KEY = "token-of-the-web-shop", "0123456789abcdef"
USER = {
    "username": "system:serviceaccount:shop:web",
    "uid": "u-1",
    "groups": ["system:serviceaccounts"],
    "extra": {"authentication.kubernetes.io/pod-name": ["web-0"]},
}


class Api:
    """Reviews as the Kubernetes API answers them: one token is known, and its user may query shop/digits."""

    def __init__(self) -> None:
        self.reviews: list[dict[str, Any]] = []
        self.refuse = 0
        self.audiences: list[str] | None = None
        self.app = Starlette(
            routes=[
                Route("/apis/authentication.k8s.io/v1/tokenreviews", self._token, methods=["POST"]),
                Route("/apis/authorization.k8s.io/v1/subjectaccessreviews", self._access, methods=["POST"]),
            ]
        )

    async def _token(self, request: Request) -> Response:
        spec = (await request.json())["spec"]
        if spec["token"] != TOKEN:
            return await self._answered(request, {"error": "invalid bearer token"})
        audiences = {"audiences": self.audiences} if self.audiences is not None else {}
        return await self._answered(request, {"authenticated": True, "user": USER, **audiences})

    async def _access(self, request: Request) -> Response:
        spec = (await request.json())["spec"]
        wanted = {"verb": "get", "group": "penstock.dev", "resource": "materializations", "subresource": "query"}
        named = {"namespace": "shop", "name": "digits"}
        caller = {"user": USER["username"], "uid": "u-1", "groups": USER["groups"], "extra": USER["extra"]}
        allowed = spec == {**caller, "resourceAttributes": {**wanted, **named}}
        return await self._answered(request, {"allowed": allowed})

    async def _answered(self, request: Request, status: dict[str, Any]) -> Response:
        body = await request.json()
        self.reviews.append(body)
        if self.refuse:
            refusal = {"kind": "Status", "code": self.refuse, "reason": "Forbidden", "message": "not you"}
            return JSONResponse(refusal, self.refuse)
        return JSONResponse({**body, "status": status}, 201)


def pointer(namespace: str, name: str) -> Materialization:
    when = {"trainedAt": NOW, "switchedAt": NOW}
    active = {"run": "r-1", "stagedRunRef": {"name": "r-1", "uid": "r-1"}, "uri": "file:///r-1", **when}
    meta = {"name": name, "namespace": namespace, "uid": name}
    document = {
        "kind": "Materialization",
        "metadata": meta,
        "spec": {"trainingJobRef": {"name": "job"}, "gates": []},
    }
    return Materialization.model_validate({**document, "status": {"active": active}})


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
async def kubernetes(api: Api) -> AsyncIterator[Kubernetes]:
    server = uvicorn.Server(uvicorn.Config(api.app, port=0, lifespan="off", log_level="warning"))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    client = connected(f"http://127.0.0.1:{port}", "the-gateways")
    yield client
    await client.close()
    server.should_exit = True
    await task


@pytest.fixture
async def catalog() -> AsyncIterator[Catalog]:
    catalog = Catalog(EmptyBundles(), NoRuns())
    for key in (("shop", "digits"), ("shop", "other"), ("bank", "digits")):
        catalog.follow(pointer(*key))
    catalog.synced = True
    await asyncio.sleep(0.05)
    yield catalog
    await catalog.close()


def asking(
    catalog: Catalog, access: Access | None, token: str = "", buckets: Buckets | None = None, **app: Any
) -> httpx2.AsyncClient:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    transport = httpx2.ASGITransport(app=create_app(catalog, None, access, buckets, **app))
    return httpx2.AsyncClient(transport=transport, base_url="http://gateway", headers=headers)


async def test_a_known_caller_asks_what_rbac_grants_and_no_more(
    api: Api, kubernetes: Kubernetes, catalog: Catalog
) -> None:
    async with asking(catalog, TokenReviewAccess(KubernetesReviews(kubernetes)), TOKEN) as http:
        answers = await asyncio.gather(*(http.get("/v1/shop/digits") for _ in range(20)))
        assert {(answer.status_code, answer.json()["run"]) for answer in answers} == {(200, "r-1")}
        assert len(api.reviews) == 2
        assert (await http.get("/v1")).json() == ["shop/digits"]
        for path in ("/v1/bank/digits", "/v1/shop/other", "/v1/shop/nowhere"):
            refused = await http.get(path)
            assert (refused.status_code, refused.json()["error"]) == (403, "Forbidden")
        message = (await http.post("/v1/bank/digits/features/any", content=b"{")).json()["message"]
        assert "'system:serviceaccount:shop:web' lacks get on materializations/query 'digits'" in message
        rule = json.loads(message[message.index("{") :])
        assert rule == {
            "apiGroups": ["penstock.dev"],
            "resources": ["materializations/query"],
            "resourceNames": ["digits"],
            "verbs": ["get"],
        }
        served = (await http.get("/metrics")).text
    assert 'penstock_gateway_auth_total{outcome="Forbidden"}' in served
    assert 'penstock_gateway_reviews_total{kind="token",outcome="allowed"}' in served
    assert "digits" not in served


async def test_a_caller_comes_through_an_api_server_that_takes_authorization_out(
    kubernetes: Kubernetes, catalog: Catalog
) -> None:
    async with asking(catalog, TokenReviewAccess(KubernetesReviews(kubernetes))) as http:
        through = {"X-Penstock-Authorization": f"Bearer {TOKEN}"}
        assert (await http.get("/v1/shop/digits", headers=through)).json()["run"] == "r-1"
        both = {**through, "Authorization": "Bearer unknown"}
        assert (await http.get("/v1/shop/digits", headers=both)).status_code == 401


@pytest.mark.parametrize(
    ("authorization", "challenge"),
    [
        (None, 'Bearer realm="penstock"'),
        ("Basic dXNlcjpwYXNz", 'Bearer realm="penstock"'),
        ("Bearer ", 'Bearer realm="penstock"'),
        ("Bearer unknown", 'Bearer realm="penstock", error="invalid_token"'),
        ("bearer \xe9\xff", 'Bearer realm="penstock", error="invalid_token"'),
    ],
)
async def test_nobody_is_told_how_to_become_somebody(
    kubernetes: Kubernetes, catalog: Catalog, authorization: str | None, challenge: str
) -> None:
    headers = {"Authorization": authorization.encode("latin-1")} if authorization is not None else {}
    async with asking(catalog, TokenReviewAccess(KubernetesReviews(kubernetes))) as http:
        for path in ("/v1", "/v1/shop/digits", "/openapi.json", "/nowhere", "/healthz/", "//metrics"):
            answer = await http.get(path, headers=headers)
            assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, challenge)
        for path in ("/healthz", "/readyz", "/metrics"):
            assert (await http.get(path, headers=headers)).status_code == 200


async def test_a_token_for_another_audience_is_nobodys(api: Api, kubernetes: Kubernetes, catalog: Catalog) -> None:
    for audiences, code in (([], 401), (["other"], 401), (["penstock", "other"], 200)):
        api.audiences = audiences
        async with asking(catalog, TokenReviewAccess(KubernetesReviews(kubernetes, "penstock")), TOKEN) as http:
            assert (await http.get("/v1/shop/digits")).status_code == code
    assert api.reviews[0]["spec"]["audiences"] == ["penstock"]


async def test_an_api_that_is_away_or_refuses_the_gateway_is_503_with_what_to_grant(
    api: Api, kubernetes: Kubernetes, catalog: Catalog
) -> None:
    api.refuse = 403
    async with asking(catalog, TokenReviewAccess(KubernetesReviews(kubernetes)), TOKEN) as http:
        answer = await http.get("/v1/shop/digits")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert "bind its service account to ClusterRole system:auth-delegator" in answer.json()["message"]
    away = connected("http://127.0.0.1:9", "the-gateways")
    async with asking(catalog, TokenReviewAccess(KubernetesReviews(away)), TOKEN) as http:
        answer = await http.get("/v1/shop/digits")
        assert (answer.status_code, "does not answer" in answer.json()["message"]) == (503, True)
    await away.close()


async def test_static_keys_are_scoped_and_read_again_without_a_restart(tmp_path: Path, catalog: Catalog) -> None:
    (tmp_path / "everything").write_text(f"{KEY}-all\n")
    (tmp_path / "shop").write_text(json.dumps({"key": KEY, "materializations": ["shop/*"]}))
    (tmp_path / "broken").write_text("short")
    (tmp_path / "..2026_01_01").mkdir()
    now = [0.0]
    access = StaticKeyAccess(tmp_path, lambda: now[0])
    async with asking(catalog, access, KEY) as http, asking(catalog, access, f"{KEY}-all") as all_:
        assert (await http.get("/v1")).json() == ["shop/digits", "shop/other"]
        assert (await all_.get("/v1")).json() == ["bank/digits", "shop/digits", "shop/other"]
        refused = await http.get("/v1/bank/digits")
        assert refused.status_code == 403
        assert refused.json()["message"] == (
            "The key 'shop' does not open bank/digits: add 'bank/digits' to materializations in its file"
        )
        (tmp_path / "shop").write_text(json.dumps({"key": KEY, "materializations": ["bank/digits"]}))
        (tmp_path / "everything").unlink()
        now[0] += 2
        assert (await http.get("/v1")).json() == ["bank/digits"]
        assert (await all_.get("/v1")).status_code == 401
        for path in tmp_path.iterdir():
            path.rmdir() if path.is_dir() else path.unlink()
        tmp_path.rmdir()
        now[0] += 2
        assert (await http.get("/v1")).json() == ["bank/digits"]


async def test_a_caller_has_a_rate_of_their_own(tmp_path: Path, catalog: Catalog) -> None:
    for name in "ab":
        (tmp_path / name).write_text(KEY + name)
    access, buckets = StaticKeyAccess(tmp_path), Buckets(rate=0.1, burst=3)
    async with asking(catalog, access, f"{KEY}a", buckets) as http:
        codes = [(await http.get("/v1/shop/digits")).status_code for _ in range(5)]
        limited = await http.get("/v1/shop/digits")
        assert (await http.get("/readyz")).status_code == 200
    assert codes == [200, 200, 200, 429, 429]
    assert (limited.json()["error"], 1 <= int(limited.headers["Retry-After"]) <= 10) == ("RateLimited", True)
    async with asking(catalog, access, f"{KEY}b", buckets) as http:
        assert (await http.get("/v1/shop/digits")).status_code == 200
    async with asking(catalog, None, buckets=Buckets(rate=0.1, burst=1)) as http:
        assert [(await http.get("/v1")).status_code for _ in range(2)] == [200, 429]


async def test_the_access_log_names_the_caller_and_never_the_token(
    kubernetes: Kubernetes, catalog: Catalog, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr("penstock.gateway.observe.log", structlog.get_logger())
    with capture_logs() as logs:
        async with asking(catalog, TokenReviewAccess(KubernetesReviews(kubernetes)), TOKEN) as http:
            await http.get("/v1/shop/digits")
            await http.get("/v1/bank/digits")
            await http.get("/v1/shop/digits", headers={"Authorization": "Bearer another-token"})
    lines = [line for line in logs if line["event"] == "Request answered"]
    assert [(line["code"], line.get("caller")) for line in lines] == [
        (200, USER["username"]),
        (403, USER["username"]),
        (401, None),
    ]
    for token in (TOKEN, "another-token"):
        assert token not in json.dumps(logs, default=str) + caplog.text


async def test_readiness_is_red_while_it_stops_and_names_what_is_broken(catalog: Catalog) -> None:
    lifecycle = Lifecycle()
    async with asking(catalog, None, lifecycle=lifecycle) as http:
        catalog.problem = "The gateway may not list"
        assert (await http.get("/readyz")).text == "ok\nThe gateway may not list"
        lifecycle.stopping = True
        red = await http.get("/readyz")
        assert (red.status_code, red.json()["message"]) == (503, "The gateway is stopping")
        assert (await http.get("/v1/shop/digits")).status_code == 200
