"""How the operator reaches the Kubernetes API: the official client for our calls, and the same in kopf's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

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


async def for_kopf(context: Context) -> kopf.ConnectionInfo:
    """The same in kopf's words; kopf asks for it again when the API refuses it.

    Raises:
        KubeconfigError: no credentials could be got.
    """
    cluster, user = context.cluster, context.user
    credential = await Credentials(user).get()
    scheme, _, token = credential.authorization.partition(" ")
    certificate, key = credential.certificate or (None, None)
    return kopf.ConnectionInfo(
        server=context.server,
        ca_path=_file(cluster, "certificate-authority"),
        ca_data=cluster.get("certificate-authority-data"),
        insecure=cluster.get("insecure-skip-tls-verify"),
        scheme=scheme or None,
        token=token or None,
        certificate_path=_file(user, "client-certificate") if certificate is None else None,
        certificate_data=certificate or user.get("client-certificate-data"),
        private_key_path=_file(user, "client-key") if key is None else None,
        private_key_data=key or user.get("client-key-data"),
        proxy_url=cluster.get("proxy-url"),
    )


def _file(entry: Mapping[str, Any], name: str) -> str | None:
    """A file that a kubeconfig names, unless what is in it stands beside it."""
    return entry.get(name) if not entry.get(f"{name}-data") else None
