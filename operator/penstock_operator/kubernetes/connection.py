"""How the operator reaches the Kubernetes API: address, certificates and credentials, for our calls and for kopf's."""

from __future__ import annotations

import base64
import ssl
import time
from pathlib import Path

import kopf
from lightkube import KubeConfig
from lightkube.config.client_adapter import verify_cluster
from lightkube.config.kubeconfig import SingleConfig
from lightkube.config.models import User

REREAD_SECONDS = 60.0
"""A token in a file rotates; client-go reads it again as often."""


def configuration() -> SingleConfig:
    """The cluster of `KUBECONFIG`, or that of the pod's service account."""
    config = KubeConfig.from_env().get()
    assert config is not None
    return config


def tls(config: SingleConfig) -> ssl.SSLContext | bool:
    """What checks the server, with our own certificate where there is one."""
    user = config.user or User()
    context: ssl.SSLContext | bool = verify_cluster(config.cluster, user, config.abs_file, trust_env=False)
    return context


class Credentials:
    """The Authorization header of a user."""

    def __init__(self, user: User | None) -> None:
        self._user = user or User()
        self._read: tuple[str, float] | None = None

    def token(self) -> str | None:
        """The bearer token, read again when it is old.

        Raises:
            OSError: its file cannot be read.
        """
        if self._user.token_file is None:
            return self._user.token
        now = time.monotonic()
        if self._read is None or now - self._read[1] > REREAD_SECONDS:
            self._read = (Path(self._user.token_file).read_text().strip(), now)
        return self._read[0]

    def headers(self) -> dict[str, str]:
        """What a request carries."""
        if token := self.token():
            return {"Authorization": f"Bearer {token}"}
        if self._user.username and self._user.password:
            pair = base64.b64encode(f"{self._user.username}:{self._user.password}".encode()).decode()
            return {"Authorization": f"Basic {pair}"}
        return {}


def for_kopf(config: SingleConfig) -> kopf.ConnectionInfo:
    """The same in kopf's words; kopf asks for it again when the API refuses it."""
    cluster, user = config.cluster, config.user or User()
    return kopf.ConnectionInfo(
        server=cluster.server,
        ca_path=str(config.abs_file(cluster.certificate_auth)) if cluster.certificate_auth else None,
        ca_data=cluster.certificate_auth_data,
        insecure=cluster.insecure,
        username=user.username,
        password=user.password,
        token=Credentials(user).token(),
        certificate_path=str(config.abs_file(user.client_cert)) if user.client_cert else None,
        certificate_data=user.client_cert_data,
        private_key_path=str(config.abs_file(user.client_key)) if user.client_key else None,
        private_key_data=user.client_key_data,
        expiration=None,
    )
