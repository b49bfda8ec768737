"""Whom the SDK and the operator believe to be the API server."""

from __future__ import annotations

import base64
import ssl
from pathlib import Path
from typing import Any

import httpx2
import pytest
from aiohttp import web
from authority import Authority

from penstock.kubeapi.context import Context
from penstock.kubeapi.errors import KubeconfigError
from penstock.kubeapi.http import KubeApi
from penstock.kubeapi.tls import tls_context
from penstock_operator.kubernetes.api import Api
from penstock_operator.ports import ClusterUnreachable


@pytest.fixture
async def address(authority: Authority, tmp_path: Path) -> Any:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(*authority.issue(tmp_path / "server"))
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    yield f"https://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


def trusted(authority: Authority) -> dict[str, str]:
    return {"certificate-authority-data": base64.b64encode(authority.certificate.read_bytes()).decode()}


async def reaches(context: Context) -> bool:
    """Whether both clients do; they must agree."""
    api, found = KubeApi(context), []
    try:
        await api.document("GET", "/api")
        found.append(True)
    except httpx2.ConnectError:
        found.append(False)
    await api.close()
    async with Api(context) as theirs:
        try:
            await theirs.get("Secret", "default", "a")
            found.append(True)
        except ClusterUnreachable:
            found.append(False)
    assert found[0] == found[1]
    return found[0]


async def test_the_authority_of_the_kubeconfig_and_no_other(address: str, authority: Authority, tmp_path: Path) -> None:
    cluster = {"server": address}
    assert await reaches(Context({**cluster, **trusted(authority)}))
    assert await reaches(Context({**cluster, "certificate-authority": str(authority.certificate)}))
    assert not await reaches(Context(cluster))
    assert not await reaches(Context({**cluster, **trusted(Authority(tmp_path / "other"))}))
    assert await reaches(Context({**cluster, "insecure-skip-tls-verify": True}))


async def test_the_name_that_the_kubeconfig_expects(address: str, authority: Authority) -> None:
    cluster = {"server": address, **trusted(authority)}
    assert await reaches(Context({**cluster, "tls-server-name": "localhost"}))
    assert not await reaches(Context({**cluster, "tls-server-name": "elsewhere"}))


@pytest.mark.parametrize(
    "user",
    [
        {"client-certificate": "/absent", "client-key": "/absent"},
        {"client-certificate-data": "%", "client-key-data": "%"},
        {"client-certificate-data": "YQ==", "client-key-data": "YQ=="},
    ],
)
def test_a_certificate_that_is_none_is_told_at_once(user: dict[str, str]) -> None:
    with pytest.raises(KubeconfigError, match="certificate"):
        tls_context(Context({"server": "https://a"}, user))
