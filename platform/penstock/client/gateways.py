"""The gateway of a context, and how it is reached: by its address, or through the API server of its cluster."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2

from penstock.client import config as configuration
from penstock.client.errors import ConfigError
from penstock.client.installation import system_namespace
from penstock.client.proxy import Service
from penstock.client.transport import LOCAL_CONTEXT
from penstock.serving import AsyncGatewayClient, GatewayClient
from penstock.serving.aio import CALLER_HEADER, TIMEOUT_SECONDS

if TYPE_CHECKING:
    from lightkube.config.kubeconfig import SingleConfig

TOKEN_VARIABLE = "PENSTOCK_GATEWAY_TOKEN"  # noqa: S105 - the name of a variable
SERVICE, PORT = "penstock-gateway", "http"


def gateway_client(
    gateway: str | None = None,
    *,
    kubeconfig: str | Path | None = None,
    context: str | None = None,
    timeout: float = TIMEOUT_SECONDS,
) -> GatewayClient:
    """A client of the gateway that belongs to a context; see `async_gateway_client`.

    Examples:
        >>> with gateway_client(context="production") as gateway:  # doctest: +SKIP
        ...     print(gateway.describe("search", "digits")["run"])
    """
    return GatewayClient.around(async_gateway_client(gateway, kubeconfig=kubeconfig, context=context, timeout=timeout))


def async_gateway_client(
    gateway: str | None = None,
    *,
    kubeconfig: str | Path | None = None,
    context: str | None = None,
    timeout: float = TIMEOUT_SECONDS,
) -> AsyncGatewayClient:
    """A client of the gateway that belongs to a context.

    It is the one at the argument's address, at that of `PENSTOCK_GATEWAY`, or at that of the kubeconfig's extension
    `penstock.dev/gateway`, and else Service penstock-gateway in the namespace of the installation, through the API
    server. The caller is the token `PENSTOCK_GATEWAY_TOKEN`, and through the API server else the user of the
    kubeconfig, whose token goes nowhere but there.

    Raises:
        ConfigError: there is no kubeconfig, or it cannot be used.
    """
    token = os.environ.get(TOKEN_VARIABLE)
    try:
        return AsyncGatewayClient(configuration.gateway_url(gateway, kubeconfig, context), token, timeout)
    except configuration.NoGateway:
        chosen = configuration.load(kubeconfig, context)
        if chosen.context_name == LOCAL_CONTEXT:
            raise
    root = Service(system_namespace(), SERVICE, PORT).path
    url = f"{chosen.cluster.server.rstrip('/')}{root}"
    return AsyncGatewayClient(url, None, timeout, http=_through(chosen, url, token, timeout))


def _through(chosen: SingleConfig, url: str, token: str | None, timeout: float) -> httpx2.AsyncClient:
    from lightkube.config import client_adapter
    from lightkube.core.exceptions import ConfigError as LightkubeConfigError

    limit = httpx2.Timeout(timeout, connect=min(timeout, 5.0))
    try:
        http = client_adapter.AsyncClient(chosen, client_adapter.ConnectionParams(timeout=limit, trust_env=False))
    except (LightkubeConfigError, OSError) as error:
        raise ConfigError(f"Context {chosen.context_name!r} cannot be used: {error}") from error
    http.base_url = url
    http.auth = TwoNames(http.auth, token)
    return http


class TwoNames(httpx2.Auth):
    """Says who calls twice: to the API server, which takes that out, and to the gateway behind it."""

    def __init__(self, server: httpx2.Auth | None, token: str | None) -> None:
        self._server, self._token = server or httpx2.Auth(), token

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """The requests of the API server's own way, each with the caller for the gateway."""
        flow = self._server.async_auth_flow(request)
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
