"""TLS to an API server, as a kubeconfig wants it."""

from __future__ import annotations

import base64
import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from penstock.kubeapi.context import Context
from penstock.kubeapi.errors import KubeconfigError


def tls_context(context: Context) -> ssl.SSLContext:
    """What checks the server, with the user's certificate where the kubeconfig has one.

    Raises:
        KubeconfigError: a certificate or key in it cannot be read.
    """
    if not context.server.startswith("https:"):
        # No authority is read, which takes longer than a call.
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    cluster, user = context.cluster, context.user
    try:
        made = ssl.create_default_context(
            cafile=None if _data(cluster, "certificate-authority") else cluster.get("certificate-authority") or None,
            cadata=_data(cluster, "certificate-authority") or None,
        )
        # Go does not ask for all that RFC 5280 does, and authorities of clusters do not have it.
        made.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if cluster.get("insecure-skip-tls-verify"):
            made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
        certificate, key = _pem(user, "client-certificate"), _pem(user, "client-key")
    except (OSError, ValueError) as error:
        raise KubeconfigError(f"its certificates cannot be read: {error}") from error
    if certificate and key:
        load_certificate(made, certificate, key)
    return made


def load_certificate(tls: ssl.SSLContext, certificate: str, key: str) -> None:
    """Give a TLS context a certificate of our own, in PEM; connections that it has already made keep theirs.

    Raises:
        KubeconfigError: they are none, or do not belong together.
    """
    # `ssl` reads keys from files alone; the folder is ours, and goes at once.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pem"
        path.touch(0o600)
        path.write_text(f"{certificate}\n{key}\n")
        try:
            tls.load_cert_chain(path)
        except (ssl.SSLError, OSError) as error:
            raise KubeconfigError(f"the client certificate cannot be used: {error}") from error


def _pem(entry: Mapping[str, Any], name: str) -> str:
    if data := _data(entry, name):
        return data
    return Path(entry[name]).read_text() if entry.get(name) else ""


def _data(entry: Mapping[str, Any], name: str) -> str:
    """What a kubeconfig holds itself; as kubectl, it goes before a file."""
    return base64.b64decode(entry.get(f"{name}-data") or "", validate=True).decode()
