"""Credentials of programs, `user.exec` of a kubeconfig: the official client runs them.

https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from penstock.kubeapi.credential import Credential
from penstock.kubeapi.errors import KubeconfigError

PATIENCE_SECONDS = 300.0
"""How long a program may take: it may wait for somebody who logs in."""


class Command:
    """Asks a program for a token or a certificate."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self._spec = spec

    async def __call__(self) -> Credential:
        """What it answers.

        Raises:
            KubeconfigError: it cannot be run, fails, or answers with neither.
        """
        # Half a second, which only those pay who need it.
        from kubernetes.aio.config import ConfigException
        from kubernetes.aio.config.exec_provider import ExecProvider
        from kubernetes.aio.config.kube_config import ConfigNode

        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                status = await ExecProvider(ConfigNode("exec", self._spec)).run()  # type: ignore[no-untyped-call]
            return _credential(status)
        except (ConfigException, OSError, ValueError, KeyError, TypeError) as error:
            said = str(error) or "it took too long"
            hint = self._spec.get("installHint") if isinstance(error, FileNotFoundError) else None
            shown = f"plug-in {self._spec.get('command')!r} gives none: {said}"
            raise KubeconfigError(f"{shown}; {hint}" if hint else shown) from error


def _credential(status: Mapping[str, Any]) -> Credential:
    ends = status.get("expirationTimestamp")
    certificate = None
    if status.get("clientCertificateData"):
        certificate = str(status["clientCertificateData"]), str(status["clientKeyData"])
    if certificate is None and not status.get("token"):
        raise ValueError("its answer has neither a token nor a certificate")
    return Credential(
        f"Bearer {status['token']}" if status.get("token") else "",
        certificate,
        datetime.fromisoformat(ends).timestamp() if ends else None,
    )
