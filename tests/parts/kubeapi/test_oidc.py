"""Tokens of an OpenID Connect issuer: refreshed when they end, and only from whom the kubeconfig trusts."""

from __future__ import annotations

import base64
import json
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from authority import Authority

from penstock.kubeapi.context import Context
from penstock.kubeapi.errors import KubeconfigError
from penstock.kubeapi.http import KubeApi


def token(name: str, ends: float) -> str:
    # What is encoded has the letters that only the alphabet of URLs has.
    payload = base64.urlsafe_b64encode(
        json.dumps({"exp": ends, "sub": f"{name}\u00ff\u00fe>?"}, ensure_ascii=False).encode()
    )
    return f"header.{payload.decode().rstrip('=')}.{name}"


class Issuer:
    """Gives a token for the refresh token that it gave last."""

    def __init__(self) -> None:
        self.url = ""
        self.expected = "refresh-0"
        self.rotates = True
        self.given: list[str] = []

    async def discovery(self, _: web.Request) -> web.Response:
        return web.json_response({"token_endpoint": f"{self.url}/token"})

    async def token(self, request: web.Request) -> web.Response:
        form = await request.post()
        if form["refresh_token"] != self.expected:
            return web.json_response({"error": "invalid_grant"}, status=400)
        self.given.append(token(f"token-{len(self.given) + 1}", time.time() + (3600 if len(self.given) else 5)))
        if not self.rotates:
            return web.json_response({"id_token": self.given[-1]})
        self.expected = f"refresh-{len(self.given)}"
        return web.json_response({"id_token": self.given[-1], "refresh_token": self.expected})


@pytest.fixture
async def issuer(authority: Authority, tmp_path: Path) -> AsyncIterator[Issuer]:
    issuer, app = Issuer(), web.Application()
    app.add_routes([web.get("/.well-known/openid-configuration", issuer.discovery), web.post("/token", issuer.token)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(*authority.issue(tmp_path / "issuer"))
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    issuer.url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    yield issuer
    await runner.cleanup()


def api_of(server: Any, issuer: Issuer, authority: Authority | None, **config: str) -> KubeApi:
    config = {"client-id": "penstock", "idp-issuer-url": issuer.url, **config}
    if authority is not None:
        data = base64.b64encode(authority.certificate.read_bytes()).decode()
        config["idp-certificate-authority-data"] = data
    return KubeApi(Context({"server": server.url}, {"auth-provider": {"name": "oidc", "config": config}}))


async def test_a_token_that_is_good_is_used_as_it_is(server: Any, issuer: Issuer, authority: Authority) -> None:
    known = token("known", time.time() + 3600)
    api = api_of(server, issuer, authority, **{"id-token": known, "refresh-token": "refresh-0"})
    await api.document("GET", "/api")
    assert (server.callers, issuer.given) == ([f"Bearer {known}"], [])
    await api.close()


@pytest.mark.parametrize("rotates", [True, False])
async def test_one_that_has_ended_is_refreshed_and_the_new_one_too(
    server: Any, issuer: Issuer, authority: Authority, rotates: bool
) -> None:
    issuer.rotates = rotates
    old = token("old", time.time() - 1)
    api = api_of(server, issuer, authority, **{"id-token": old, "refresh-token": "refresh-0"})
    for _ in range(3):
        await api.document("GET", "/api")
    # The first one lives so short that the next call asks again.
    assert server.callers == [f"Bearer {issuer.given[number]}" for number in (0, 1, 1)]
    await api.close()


async def test_an_issuer_whom_nobody_vouches_for_is_told_nothing(server: Any, issuer: Issuer) -> None:
    api = api_of(server, issuer, None, **{"refresh-token": "refresh-0"})
    with pytest.raises(KubeconfigError, match=r"OIDC issuer gives no token.*certificate"):
        await api.document("GET", "/api")
    assert (issuer.given, server.callers) == ([], [])
    await api.close()


async def test_what_cannot_be_refreshed_says_so(server: Any, issuer: Issuer, authority: Authority) -> None:
    for config, message in (({}, "log in again"), ({"refresh-token": "stolen"}, "OIDC issuer gives no token")):
        api = api_of(server, issuer, authority, **config)
        with pytest.raises(KubeconfigError, match=message):
            await api.document("GET", "/api")
        await api.close()


def test_a_provider_that_kubectl_no_longer_knows_is_named() -> None:
    with pytest.raises(KubeconfigError, match="auth-provider 'gcp' is not known: use a plug-in"):
        KubeApi(Context({"server": "http://127.0.0.1:1"}, {"auth-provider": {"name": "gcp"}}))
