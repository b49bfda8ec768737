"""The kubeconfig of a local stack."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path

import yaml

NAME = "penstock-local"
GATEWAY_EXTENSION = "penstock.dev/gateway"


def write_kubeconfig(path: Path, server: str, gateway: str, authority: bytes) -> str:
    """Write the addresses and a token, readable by the user alone.

    Args:
        path: of the file.
        server: address of the API.
        gateway: address of the gateway.
        authority: the certificate, in PEM, that the API's own is checked against.

    Returns:
        The token: that of the file that was there, so that clients outlive a restart, or a new one.
    """
    token = _token(path) or secrets.token_urlsafe(32)
    extension = {"name": GATEWAY_EXTENSION, "extension": {"url": gateway}}
    cluster = {
        "server": server,
        "certificate-authority-data": base64.b64encode(authority).decode(),
        "extensions": [extension],
    }
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": NAME, "cluster": cluster}],
        "users": [{"name": NAME, "user": {"token": token}}],
        "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": NAME, "namespace": "default"}}],
        "current-context": NAME,
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(config))
    return token


def _token(path: Path) -> str | None:
    try:
        return str(yaml.safe_load(path.read_text())["users"][0]["user"]["token"])
    except (FileNotFoundError, yaml.YAMLError, KeyError, TypeError):
        return None
