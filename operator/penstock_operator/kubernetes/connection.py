"""How the operator reaches the Kubernetes API: the official client for our calls, and the same in kopf's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import aiohttp
import kopf
from kubernetes.aio.client import Configuration
from kubernetes.aio.client.rest import RESTClientObject

from penstock.kubeapi.context import Context
from penstock.kubeapi.credentials import Credentials
from penstock.kubeapi.errors import KubeconfigError
from penstock.kubeapi.tls import tls_context
from penstock_operator.ports import ClusterUnreachable

TIMEOUT = aiohttp.ClientTimeout(total=10, sock_connect=3)


class Answer(NamedTuple):
    """What the API said."""

    status: int
    body: bytes


class Connection(RESTClientObject):
    """The official client's connections to one API, as one user, with bodies as they are on the wire.

    Its own calls write a body by `json`, which takes ten times what msgspec does and writes a NaN that no API reads.
    """

    def __init__(self, context: Context) -> None:
        """Nothing is sent yet.

        Raises:
            KubeconfigError: a certificate cannot be read, or the credentials are of an unknown kind.
        """
        chosen = Configuration(
            host=context.server,
            # As many connections as there are calls at once.
            connection_pool_maxsize=0,
            # Proxies of the environment are not for an API whose address is given outright.
            client_session_kwargs={"trust_env": False},
        )
        chosen.tls_server_name = context.cluster.get("tls-server-name")
        chosen.proxy = context.cluster.get("proxy-url")
        super().__init__(chosen)
        self.ssl_context = tls_context(context)
        self._credentials = Credentials(context.user, self.ssl_context)

    async def exchange(
        self, method: str, path: str, body: bytes | None, params: Mapping[str, str], headers: Mapping[str, str]
    ) -> Answer:
        """What the API answers, whatever its status.

        Raises:
            ClusterUnreachable: it does not answer, or no credentials could be got.
        """
        if self.pool_manager is None:
            self.pool_manager = self._create_pool_manager()
        try:
            credential = await self._credentials.get()
            async with self.pool_manager.request(
                method,
                f"{self.configuration.host}{path}",
                params=params,
                data=body,
                headers={**headers, **credential.headers()},
                timeout=TIMEOUT,
                proxy=self.proxy,
                server_hostname=self.configuration.tls_server_name,
            ) as response:
                answer = Answer(response.status, await response.read())
        except (aiohttp.ClientError, TimeoutError, OSError, KubeconfigError) as error:
            shown = str(error) or type(error).__name__
            raise ClusterUnreachable(f"The Kubernetes API did not answer: {shown}") from error
        if answer.status == 401:
            # Who asked asks again, and then with other credentials where there are any.
            self._credentials.forget(credential)
        return answer


def for_kopf(context: Context, *middlewares: aiohttp.ClientMiddlewareType) -> kopf.AiohttpSession:
    """The same as a session for kopf, with these around each of its calls; to be made in its event loop."""
    tls = tls_context(context)
    login = _Login(Credentials(context.user, tls), context.cluster.get("tls-server-name"))
    return kopf.AiohttpSession(
        server=context.server,
        aiohttp_session=aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls, limit=0),
            proxy=context.cluster.get("proxy-url"),
            middlewares=(*middlewares, login),
        ),
    )


class _Login:
    """Says who calls; what the API refuses is asked for again, once."""

    def __init__(self, credentials: Credentials, server_name: str | None) -> None:
        self._credentials, self._server_name = credentials, server_name

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        if self._server_name:
            request.server_hostname = self._server_name
        try:
            credential = await self._credentials.get()
            request.headers.update(credential.headers())
            answer = await handler(request)
            if answer.status == 401 and self._credentials.forget(credential):
                answer.release()
                request.headers.update((await self._credentials.get()).headers())
                answer = await handler(request)
        except KubeconfigError as error:
            # In words that kopf tries again by.
            raise aiohttp.ClientConnectionError(f"No credentials: {error}") from error
        return answer
