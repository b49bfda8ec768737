"""Who the caller is: tokens, and certificates of plug-ins, asked for again when they end or are refused."""

from __future__ import annotations

import asyncio
import base64
import math
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from penstock.kubeapi.credential import Credential
from penstock.kubeapi.errors import KubeconfigError
from penstock.kubeapi.tls import load_certificate

REREAD_SECONDS = 60.0
"""A token in a file rotates; client-go reads it again as often."""
MARGIN_SECONDS = 10.0
"""How long before its end a credential is not used any more: a request is on its way for a while."""
EARLY_SECONDS = 60.0
"""How long before its end a plug-in is asked for another, beside the calls that go on with this one."""

Plugin = Callable[[], Awaitable[Credential]]


class Credentials:
    """The credentials of one user of a kubeconfig, for one TLS context."""

    def __init__(self, user: Mapping[str, Any], tls: ssl.SSLContext | None = None) -> None:
        """A certificate that a plug-in answers with goes into `tls`.

        Raises:
            KubeconfigError: the user is not whole, or has credentials of an unknown kind.
        """
        self._user, self._tls = user, tls
        self._plugin = _plugin(user)
        self._credential: Credential | None = None
        self._asking: asyncio.Task[Credential] | None = None
        self._asked_at = 0.0

    async def get(self) -> Credential:
        """What says who calls.

        Raises:
            KubeconfigError: a file or a plug-in gives none.
        """
        credential = self._credential
        left = _left(credential)
        if credential is None or left <= MARGIN_SECONDS:
            if self._plugin is None:
                self._credential = _stated(self._user)
                return self._credential
            # A caller that cannot wait so long must not end what the next one waits for.
            return await asyncio.shield(self._ask(self._plugin))
        if self._plugin is not None and left <= EARLY_SECONDS and time.monotonic() - self._asked_at > MARGIN_SECONDS:
            self._ask(self._plugin)
        return credential

    def forget(self, refused: Credential) -> bool:
        """Ask again for what the API has refused; False where the answer would be the same."""
        if refused.ends_at is None and self._plugin is None:
            return False
        if self._credential is refused:
            self._credential = None
        return True

    def _ask(self, plugin: Plugin) -> asyncio.Task[Credential]:
        if self._asking is None or self._asking.done():
            self._asked_at = time.monotonic()
            self._asking = asyncio.ensure_future(self._renew(plugin))
            # Whoever asks next is told; who goes on with the old one need not be.
            self._asking.add_done_callback(lambda task: task.cancelled() or task.exception())
        return self._asking

    async def _renew(self, plugin: Plugin) -> Credential:
        found = await plugin()
        if found.certificate is not None and self._tls is not None:
            load_certificate(self._tls, *found.certificate)
        self._credential = found
        return found


def _left(credential: Credential | None) -> float:
    """The seconds for which it is good."""
    return credential.ends_at - time.time() if credential is not None and credential.ends_at is not None else math.inf


def _plugin(user: Mapping[str, Any]) -> Plugin | None:
    """What is asked for credentials; None where they stand in the kubeconfig, or there are none."""
    if any(user.get(name) for name in ("tokenFile", "token", "username")):
        return None
    if user.get("exec"):
        from penstock.kubeapi.plugins import Command

        return Command(user["exec"])
    if user.get("auth-provider"):
        from penstock.kubeapi.oidc import Issuer

        return Issuer(user["auth-provider"])
    return None


def _stated(user: Mapping[str, Any]) -> Credential:
    if path := user.get("tokenFile"):
        try:
            token = Path(path).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise KubeconfigError(f"the token cannot be read: {error}") from error
        return Credential(f"Bearer {token}", ends_at=time.time() + REREAD_SECONDS + MARGIN_SECONDS)
    if user.get("token"):
        return Credential(f"Bearer {user['token']}")
    if user.get("username"):
        pair = f"{user['username']}:{user.get('password') or ''}".encode()
        return Credential(f"Basic {base64.b64encode(pair).decode()}")
    return Credential()
