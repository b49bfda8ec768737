"""The gateway of a context, and how it is reached: by its address, or through the API server of its cluster."""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx2

from penstock.client import config as configuration
from penstock.client.errors import ConfigError
from penstock.client.installation import CONFIG_MAP, gateway_service, parsed, system_namespace
from penstock.client.transport import LOCAL_CONTEXT
from penstock.kubeapi.context import Context
from penstock.kubeapi.errors import KubeconfigError
from penstock.kubeapi.http import connect
from penstock.serving import AsyncGatewayClient, GatewayClient, GatewayUnavailable
from penstock.serving.aio import CALLER_HEADER, TIMEOUT_SECONDS

TOKEN_VARIABLE = "PENSTOCK_GATEWAY_TOKEN"  # noqa: S105 - the name of a variable


def gateway_client(
    gateway: str | None = None,
    *,
    ca: str | Path | ssl.SSLContext | None = None,
    kubeconfig: str | Path | None = None,
    context: str | None = None,
    timeout: float = TIMEOUT_SECONDS,
) -> GatewayClient:
    """A client of the gateway that belongs to a context; see `async_gateway_client`.

    Examples:
        >>> with gateway_client(context="production") as gateway:  # doctest: +SKIP
        ...     print(gateway.describe("search", "digits")["run"])
    """
    client = async_gateway_client(gateway, ca=ca, kubeconfig=kubeconfig, context=context, timeout=timeout)
    return GatewayClient.around(client)


def async_gateway_client(
    gateway: str | None = None,
    *,
    ca: str | Path | ssl.SSLContext | None = None,
    kubeconfig: str | Path | None = None,
    context: str | None = None,
    timeout: float = TIMEOUT_SECONDS,
) -> AsyncGatewayClient:
    """A client of the gateway that belongs to a context.

    It is the one at the argument's address, at that of `PENSTOCK_GATEWAY`, or at that of the kubeconfig's extension
    `penstock.dev/gateway`, and else the Service that the installation names, through the API server. The caller is the
    token `PENSTOCK_GATEWAY_TOKEN`, and through the API server else the user of the kubeconfig, whose token goes nowhere
    but there. With an address, the authorities of its certificate are the argument's, those of the file
    `PENSTOCK_GATEWAY_CA`, or those beside the address in the kubeconfig, and else the system's.

    Raises:
        ConfigError: there is no kubeconfig, or it or the file of authorities cannot be used.
    """
    token = os.environ.get(TOKEN_VARIABLE)
    try:
        address = configuration.gateway_address(gateway, kubeconfig, context)
        return AsyncGatewayClient(address.url, token, timeout, ca=ca or address.trust())
    except OSError as error:
        raise ConfigError(f"The gateway's certificate authorities cannot be read: {error}") from error
    except configuration.NoGateway:
        chosen = configuration.load(kubeconfig, context)
        if chosen.name == LOCAL_CONTEXT:
            raise
    return ClusterGateway(_to_api(chosen, timeout), token)


def _to_api(chosen: Context, timeout: float) -> httpx2.AsyncClient:
    try:
        return connect(chosen, timeout)
    except KubeconfigError as error:
        raise ConfigError(f"Context {chosen.name!r} cannot be used: {error}") from error


class ClusterGateway(AsyncGatewayClient):
    """Asks a cluster's gateway through the API server, at the Service that the installation names.

    Args:
        http: reaches the API server, as the user of the kubeconfig.
        token: of the caller for the gateway; None for that of the kubeconfig.
    """

    def __init__(self, http: httpx2.AsyncClient, token: str | None) -> None:
        self._server = str(http.base_url).rstrip("/")
        super().__init__(f"{self._server}{gateway_service({}).path}", http=http)
        self._names = TwoNames(http.auth, token)
        self._found = False

    async def _ask(self, method: str, path: str, run: str | None, body: dict[str, Any] | None = None) -> Any:
        if not self._found:
            await self._find()
        return await super()._ask(method, path, run, body)

    async def _find(self) -> None:
        """Turn to the Service; who may not read the installation asks that of a release `penstock`."""
        path = f"/api/v1/namespaces/{system_namespace()}/configmaps/{CONFIG_MAP}"
        try:
            answer = await self._http.get(f"{self._server}{path}", auth=self._names.server)
            installation = parsed(answer.json()) if answer.is_success else {}
        except ValueError as error:
            raise GatewayUnavailable(f"The API at {self._server} answered what is no JSON") from error
        except KubeconfigError as error:
            raise ConfigError(f"No credentials for the API at {self._server}: {error}") from error
        except httpx2.HTTPError as error:
            raise GatewayUnavailable(f"The API at {self._server} does not answer: {error}") from error
        self.url = f"{self._server}{gateway_service(installation).path}"
        self._http.base_url, self._http.auth = self.url, self._names
        # Any other answer may be another one the next time.
        self._found = answer.status_code in (200, 403, 404)


class TwoNames(httpx2.Auth):
    """Says who calls twice: to the API server, which takes that out, and to the gateway behind it."""

    def __init__(self, server: httpx2.Auth | None, token: str | None) -> None:
        self.server, self._token = server or httpx2.Auth(), token

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """The requests of the API server's own way, each with the caller for the gateway."""
        flow = self.server.async_auth_flow(request)
        try:
            request = await anext(flow)
            while True:
                bearer = f"Bearer {self._token}" if self._token else request.headers.get("Authorization")
                if bearer is not None:
                    request.headers[CALLER_HEADER] = bearer
                response = yield request
                request = await flow.asend(response)
        except StopAsyncIteration:
            return
        finally:
            await flow.aclose()
