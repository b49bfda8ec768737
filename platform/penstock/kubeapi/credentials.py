"""Who the caller is: tokens, and certificates of plug-ins, asked for again when they end or are refused."""

from __future__ import annotations

import base64
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import anyio

from penstock.kubeapi.credential import Credential
from penstock.kubeapi.errors import KubeconfigError
from penstock.kubeapi.tls import load_certificate

REREAD_SECONDS = 60.0
"""A token in a file rotates; client-go reads it again as often."""
MARGIN_SECONDS = 10.0
"""How long before its end a credential is not used any more: a request is on its way for a while."""

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
        self._known: Credential | None = None
        self._turn = anyio.Lock()

    async def get(self) -> Credential:
        """What says who calls.

        Raises:
            KubeconfigError: a file or a plug-in gives none.
        """
        if (known := self._valid()) is not None:
            return known
        async with self._turn:
            # Who waited for another's turn has what that one got.
            if (known := self._valid()) is None:
                known = self._known = await self._asked()
        return known

    def forget(self, refused: Credential) -> bool:
        """Ask again for what the API has refused; False where the answer would be the same."""
        if refused.ends_at is None and self._plugin is None:
            return False
        if self._known is refused:
            self._known = None
        return True

    def _valid(self) -> Credential | None:
        known = self._known
        if known is None or (known.ends_at is not None and time.time() + MARGIN_SECONDS >= known.ends_at):
            return None
        return known

    async def _asked(self) -> Credential:
        if self._plugin is None:
            return _stated(self._user)
        found = await self._plugin()
        if found.certificate is not None and self._tls is not None:
            load_certificate(self._tls, *found.certificate)
        return found


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
