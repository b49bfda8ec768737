"""Tokens of an OpenID Connect issuer, `auth-provider: oidc` of a kubeconfig: the official client refreshes them.

https://kubernetes.io/docs/reference/access-authn-authz/authentication/#openid-connect-tokens
"""

from __future__ import annotations

import base64
import json
import ssl
import time
from collections.abc import Mapping
from typing import Any

from penstock.kubeapi.credential import Credential
from penstock.kubeapi.errors import KubeconfigError


class Issuer:
    """Asks an issuer for a new token when the known one ends; the new one is kept in this process alone."""

    def __init__(self, provider: Mapping[str, Any]) -> None:
        """Take a kubeconfig's `auth-provider`.

        Raises:
            KubeconfigError: it is another one; kubectl knows no other either.
        """
        if provider.get("name") != "oidc":
            raise KubeconfigError(f"auth-provider {provider.get('name')!r} is not known: use a plug-in (`exec`)")
        self._config: dict[str, Any] = dict(provider.get("config") or {})

    async def __call__(self) -> Credential:
        """The token.

        Raises:
            KubeconfigError: the issuer does not give one.
        """
        # Once: whoever asks again was refused with this one, or it has ended.
        known = str(self._config.pop("id-token", "") or "")
        if not known or _end(known) <= time.time():
            known = await self._refreshed()
        return Credential(f"Bearer {known}", ends_at=_end(known))

    async def _refreshed(self) -> str:
        import aiohttp
        from kubernetes.aio.config import ConfigException
        from kubernetes.aio.config.openid import OpenIDRequestor

        config = self._config
        if not config.get("refresh-token"):
            raise KubeconfigError("the OIDC token has ended and there is no refresh-token: log in again")
        try:
            requestor = OpenIDRequestor(  # type: ignore[no-untyped-call]
                config["client-id"],
                config.get("client-secret") or "",
                config["idp-issuer-url"],
                # Without a context of ours the issuer's certificate would go unchecked.
                self._trust(),
            )
            answer = await requestor.refresh_token(config["refresh-token"])  # type: ignore[no-untyped-call]
            config["refresh-token"] = answer.get("refresh_token") or config["refresh-token"]
            return str(answer["id_token"])
        except (ConfigException, aiohttp.ClientError, OSError, ValueError, KeyError) as error:
            raise KubeconfigError(f"the OIDC issuer gives no token: {str(error) or type(error).__name__}") from error

    def _trust(self) -> ssl.SSLContext:
        data = self._config.get("idp-certificate-authority-data")
        authorities = base64.b64decode(data).decode() if data else None
        return ssl.create_default_context(cafile=self._config.get("idp-certificate-authority"), cadata=authorities)


def _end(token: str) -> float:
    """When a token ends; 0 of what is none."""
    try:
        payload = token.split(".")[1]
        return float(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["exp"])
    except (IndexError, KeyError, TypeError, ValueError):
        return 0.0
