"""The gateway of a cluster, through its API server: who calls comes through, by a header of its own."""

from __future__ import annotations

import base64
import json
import ssl
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from authority import DAY, Authority
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from penstock.cli import services
from penstock.client import AsyncClient, ConfigError, async_gateway_client, gateway_client
from penstock.client.config import NoGateway, gateway_address
from penstock.client.installation import gateway_service
from penstock.gateway.app import create_app
from penstock.gateway.catalog import Catalog
from penstock.gateway.limits import Limits
from penstock.gateway.loader import Loader
from penstock.gateway.tls import Certificate
from penstock.serving import Forbidden, GatewayUnavailable, Unauthorized

SERVICE = "penstock/penstock-gateway:http"
INSTALLATION = "/api/v1/namespaces/{}/configmaps/penstock-installation"


def installed(world: Any, namespace: str, **gateway: str) -> None:
    """What the chart writes down."""
    text = json.dumps({"artifacts": "s3://bucket", "gateway": gateway})
    world.documents[INSTALLATION.format(namespace)] = {"data": {"installation.json": text}}


class Gateway:
    """Answers with the run r-1, to the callers whom it knows."""

    def __init__(self, *known: str) -> None:
        self.known, self.callers = known, list[str | None]()

    async def __call__(self, request: Request) -> Response:
        caller = request.headers.get("X-Penstock-Authorization")
        self.callers.append(caller)
        if caller not in self.known:
            return JSONResponse({"message": "The token is not known", "run": None}, 401)
        if request.url.path == "/v1/default/digits/features/v":
            return JSONResponse({"run": "r-1", "rows": [{"features": await request.json()}]})
        return JSONResponse({"run": "r-1"})


async def test_the_kubeconfigs_user_is_the_caller(world: Any) -> None:
    gateway = world.services[SERVICE] = Gateway("Bearer a-token")
    async with async_gateway_client(kubeconfig=world.kubeconfig, context="cluster") as client:
        answer = await client.features("default", "digits", "v", [{"id": 1}])
    assert (answer.run, answer.rows) == ("r-1", [{"entities": [{"id": 1}], "features": None}])
    assert gateway.callers == ["Bearer a-token"]


def test_the_installation_names_the_service_of_a_release_of_any_name(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENSTOCK_SYSTEM_NAMESPACE", "ml")
    installed(world, "ml", service="foo-penstock-gateway", port="http", scheme="http")
    gateway = world.services["ml/foo-penstock-gateway:http"] = Gateway("Bearer a-token")
    with gateway_client(kubeconfig=world.kubeconfig, context="cluster") as client:
        assert client.describe("default", "digits") == {"run": "r-1"}
        assert client.describe("default", "digits") == {"run": "r-1"}
        assert client.url.endswith("/api/v1/namespaces/ml/services/foo-penstock-gateway:http/proxy")
    assert gateway.callers == ["Bearer a-token", "Bearer a-token"]


def test_a_gateway_with_tls_is_asked_by_it(world: Any) -> None:
    installed(world, "penstock", service="penstock-gateway", port="https", scheme="https")
    world.services["penstock/https:penstock-gateway:https"] = Gateway("Bearer a-token")
    with gateway_client(kubeconfig=world.kubeconfig, context="cluster") as client:
        assert client.describe("default", "digits") == {"run": "r-1"}


async def test_doctor_tells_of_a_certificate_at_which_the_api_server_does_not_look(world: Any, tmp_path: Path) -> None:
    certificate = Certificate(*Authority(tmp_path / "ca").issue(tmp_path / "secret", -30 * DAY, -DAY))
    catalog = Catalog(Loader(None, None, Limits()), None)  # type: ignore[arg-type]
    catalog.synced = True
    transport = httpx2.ASGITransport(app=create_app(catalog, certificate=certificate))

    async def gateway(request: Request) -> Response:
        async with httpx2.AsyncClient(transport=transport, base_url="http://gateway") as http:
            return PlainTextResponse((await http.get(request.url.path)).text)

    world.services["penstock/https:penstock-gateway:https"] = gateway
    service = gateway_service({"gateway": {"service": "penstock-gateway", "port": "https", "scheme": "https"}})
    async with AsyncClient(world.kubeconfig, context="cluster") as client:
        well, ill = await services.gateway(client, service)
        away = await services.gateway(client, service._replace(name="other"))
    assert (well.passed, well.text.endswith("answers")) == (True, True)
    assert (ill.passed, "The certificate has ended on" in ill.text, "renew the Secret" in ill.remedy) == (
        False,
        True,
        True,
    )
    assert [check.passed for check in away] == [False]


def test_an_address_has_the_authorities_beside_it(world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(tmp_path / "ca")
    data = base64.b64encode(authority.certificate.read_bytes()).decode()
    config = yaml.safe_load(world.kubeconfig.read_text())
    for cluster in config["clusters"]:
        address = {"url": "https://127.0.0.1:1", "certificate-authority-data": data}
        cluster["cluster"]["extensions"] = [{"name": "penstock.dev/gateway", "extension": address}]
    (tmp_path / "other").write_text(yaml.safe_dump(config))
    address = gateway_address(kubeconfig=tmp_path / "other", context="cluster")
    assert address == ("https://127.0.0.1:1", authority.certificate.read_text())
    trusted = address.trust()
    assert isinstance(trusted, ssl.SSLContext)
    assert [one["subject"] for one in trusted.get_ca_certs()] == [((("commonName", "an authority of ca"),),)]
    for wrong, said in (("YQ", "is not base64"), (base64.b64encode(b"x").decode(), "authorities cannot be read")):
        (tmp_path / "other").write_text(yaml.safe_dump(config).replace(data, wrong))
        with pytest.raises(ConfigError, match=said):
            async_gateway_client(kubeconfig=tmp_path / "other", context="cluster")
    monkeypatch.setenv("PENSTOCK_GATEWAY_CA", str(tmp_path / "absent"))
    with pytest.raises(ConfigError, match="authorities cannot be read"):
        async_gateway_client("https://127.0.0.1:1")


def test_an_installation_that_cannot_be_used_is_told(world: Any) -> None:
    world.documents[INSTALLATION.format("penstock")] = {"data": {"installation.json": "{"}}
    with (
        gateway_client(kubeconfig=world.kubeconfig, context="cluster") as client,
        pytest.raises(ConfigError, match="is not what this version knows"),
    ):
        client.describe("default", "digits")
    world.stop()
    with (
        gateway_client(kubeconfig=world.kubeconfig, context="cluster") as client,
        pytest.raises(GatewayUnavailable, match=r"The API at http://127.* does not answer"),
    ):
        client.describe("default", "digits")


def test_a_token_of_the_gateways_own_goes_before(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = world.services[SERVICE] = Gateway("Bearer a-key")
    monkeypatch.setenv("PENSTOCK_GATEWAY_TOKEN", "a-key")
    with gateway_client(kubeconfig=world.kubeconfig, context="cluster") as client:
        assert client.describe("default", "digits") == {"run": "r-1"}
    assert gateway.callers == ["Bearer a-key"]


@pytest.mark.parametrize(
    ("user", "caller"),
    [
        ({"tokenFile": "token"}, "Bearer a-token"),
        (
            {
                "exec": {
                    "apiVersion": "client.authentication.k8s.io/v1",
                    "command": "sh",
                    "args": [
                        "-c",
                        'echo \'{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", '
                        '"status": {"token": "a-token"}}\'',
                    ],
                }
            },
            "Bearer a-token",
        ),
    ],
)
def test_any_way_to_a_token_does(world: Any, tmp_path: Path, user: dict[str, Any], caller: str) -> None:
    gateway = world.services[SERVICE] = Gateway(caller)
    (tmp_path / "token").write_text("a-token")
    config = yaml.safe_load(world.kubeconfig.read_text())
    config["users"][0]["user"] = user
    (tmp_path / "other").write_text(yaml.safe_dump(config))
    with gateway_client(kubeconfig=tmp_path / "other", context="cluster") as client:
        assert client.describe("default", "digits") == {"run": "r-1"}
        assert client.describe("default", "digits") == {"run": "r-1"}
    assert gateway.callers == [caller, caller]


def test_who_is_not_let_in_is_told_by_whom(world: Any) -> None:
    world.services[SERVICE] = Gateway()
    with gateway_client(kubeconfig=world.kubeconfig, context="cluster") as client:
        with pytest.raises(Unauthorized, match="The token is not known"):
            client.describe("default", "digits")

        async def forbidden(request: Request) -> Response:
            said = 'services "penstock-gateway" is forbidden: User "me" cannot create resource "services/proxy"'
            return JSONResponse({"kind": "Status", "reason": "Forbidden", "message": said, "code": 403}, 403)

        world.services[SERVICE] = forbidden
        with pytest.raises(Forbidden, match="cannot create resource"):
            client.describe("default", "digits")

        async def away(request: Request) -> Response:
            said = 'no endpoints available for service "penstock-gateway"'
            return JSONResponse({"kind": "Status", "reason": "ServiceUnavailable", "message": said}, 503)

        world.services[SERVICE] = away
        with pytest.raises(GatewayUnavailable, match="no endpoints available"):
            client.describe("default", "digits")


def test_an_address_goes_before_and_gets_no_token_of_the_kubeconfig(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = async_gateway_client("http://127.0.0.1:1", kubeconfig=world.kubeconfig, context="cluster")
    assert client.url == "http://127.0.0.1:1"
    assert "a-token" not in json.dumps(dict(client._http.headers))
    assert async_gateway_client(kubeconfig=world.kubeconfig).url == "http://127.0.0.1:9999"
    monkeypatch.setenv("PENSTOCK_GATEWAY", "http://127.0.0.1:2/")
    assert async_gateway_client(kubeconfig=world.kubeconfig, context="cluster").url == "http://127.0.0.1:2"


def test_a_local_stack_without_an_address_says_so(world: Any, tmp_path: Path) -> None:
    config = yaml.safe_load(world.kubeconfig.read_text())
    config["clusters"][0]["cluster"].pop("extensions")
    (tmp_path / "other").write_text(yaml.safe_dump(config))
    with pytest.raises(NoGateway, match="set --gateway or PENSTOCK_GATEWAY"):
        gateway_client(kubeconfig=tmp_path / "other")
