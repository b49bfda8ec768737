"""Where the kubeconfig and the gateway are."""

from __future__ import annotations

import base64
import os
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from penstock.client.errors import ConfigError
from penstock.kubeapi import context as contexts
from penstock.kubeapi.context import Context
from penstock.kubeapi.errors import KubeconfigError
from penstock.kubeapi.kubeconfig import read

LOCAL_KUBECONFIG = Path(".penstock") / "kubeconfig"
USER_KUBECONFIG = Path("~/.kube/config")
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
GATEWAY_EXTENSION = "penstock.dev/gateway"
GATEWAY_CA_VARIABLE = "PENSTOCK_GATEWAY_CA"
NOT_FOUND = "No kubeconfig is found: start a local stack with `penstock up`, or name a cluster's with --kubeconfig"


class NoGateway(ConfigError):
    """Nothing names the address of the gateway."""


def find_kubeconfigs(explicit: str | Path | None = None) -> list[Path]:
    """The kubeconfig files to use, or none inside a cluster that gives a service account.

    The first of: the argument, `PENSTOCK_KUBECONFIG`, `.penstock/kubeconfig` in this folder or a folder above it,
    the files of `KUBECONFIG` that exist, `~/.kube/config`, the service account. Only `KUBECONFIG` may name several.

    Raises:
        ConfigError: there is none, the one that is named is not there, or that of a folder is another user's.

    Examples:
        >>> find_kubeconfigs("cluster.yaml")  # doctest: +SKIP
        [PosixPath('cluster.yaml')]
    """
    for source, named in (("--kubeconfig", explicit), ("PENSTOCK_KUBECONFIG", os.environ.get("PENSTOCK_KUBECONFIG"))):
        if named:
            path = Path(named).expanduser()
            if not path.is_file():
                raise ConfigError(f"Kubeconfig {str(path)!r} ({source}) is not there: name one that is")
            return [path]
    for candidates in _candidates():
        if found := [path for path in candidates if path.is_file()]:
            return found
    if SERVICE_ACCOUNT.is_file():
        return []
    raise ConfigError(NOT_FOUND)


def load(kubeconfig: str | Path | None = None, context: str | None = None) -> Context:
    """The cluster, user and namespace of a context.

    Raises:
        ConfigError: there is no kubeconfig, or it has no such context.

    Examples:
        >>> load(context="production").server  # doctest: +SKIP
        'https://10.0.0.1:6443'
    """
    paths = find_kubeconfigs(kubeconfig)
    where = f"Kubeconfig {shown(paths)!r}" if paths else "The service account"
    try:
        return contexts.choose(read(paths), context) if paths else contexts.in_cluster()
    except KubeconfigError as error:
        raise ConfigError(f"{where} cannot be used: {error}") from error


def gateway_url(explicit: str | None = None, kubeconfig: str | Path | None = None, context: str | None = None) -> str:
    """The address of the gateway that belongs to a context.

    The first of: the argument, `PENSTOCK_GATEWAY`, the extension `penstock.dev/gateway` of the kubeconfig's cluster.

    Raises:
        NoGateway: none of them names it.

    Examples:
        >>> gateway_url("http://127.0.0.1:8080/")
        'http://127.0.0.1:8080'
    """
    return gateway_address(explicit, kubeconfig, context).url


class Address(NamedTuple):
    """Where a gateway is, and which authorities the kubeconfig names for it, in PEM."""

    url: str
    authorities: str | None = None

    def trust(self) -> ssl.SSLContext | Path | None:
        """Whom to trust there: the file of `PENSTOCK_GATEWAY_CA` before the kubeconfig; None for the system's.

        Raises:
            OSError: the kubeconfig's authorities are no certificates.
        """
        if named := os.environ.get(GATEWAY_CA_VARIABLE):
            return Path(named)
        return ssl.create_default_context(cadata=self.authorities) if self.authorities else None


def gateway_address(
    explicit: str | None = None, kubeconfig: str | Path | None = None, context: str | None = None
) -> Address:
    """The address of the gateway that belongs to a context, as `gateway_url`.

    Raises:
        NoGateway: nothing names it.
        ConfigError: what the kubeconfig says of its authorities is not base64.
    """
    named = explicit or os.environ.get("PENSTOCK_GATEWAY")
    if named:
        return Address(named.rstrip("/"))
    paths = find_kubeconfigs(kubeconfig)
    try:
        config = read(paths)
    except KubeconfigError as error:
        raise ConfigError(f"Kubeconfig {shown(paths)!r} cannot be used: {error}") from error
    cluster = _cluster(config, context or config.get("current-context"))
    for extension in cluster.get("extensions") or ():
        said = extension.get("extension") or {}
        if extension.get("name") == GATEWAY_EXTENSION and said.get("url"):
            return Address(str(said["url"]).rstrip("/"), _decoded(said.get("certificate-authority-data")))
    raise NoGateway("The gateway's address is not known: set --gateway or PENSTOCK_GATEWAY to its URL")


def shown(paths: Sequence[Path]) -> str:
    """The files as `KUBECONFIG` names them."""
    return os.pathsep.join(str(path) for path in paths)


def _candidates() -> Iterator[list[Path]]:
    here = Path.cwd()
    for folder in (here, *here.parents):
        _refuse_foreign(folder / LOCAL_KUBECONFIG)
        yield [folder / LOCAL_KUBECONFIG]
    yield [Path(part) for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    yield [USER_KUBECONFIG.expanduser()]


def _refuse_foreign(path: Path) -> None:
    """A kubeconfig can name programs to run: one that was only come across must be the user's own."""
    if path.is_file() and hasattr(os, "getuid") and path.stat().st_uid != os.getuid():
        raise ConfigError(f"Kubeconfig {str(path)!r} belongs to another user: name it with --kubeconfig to trust it")


def _decoded(data: str | None) -> str | None:
    try:
        return base64.b64decode(data).decode() if data else None
    except ValueError as error:
        raise ConfigError(f"certificate-authority-data of {GATEWAY_EXTENSION} is not base64 of PEM: {error}") from error


def _cluster(config: dict[str, Any], context: str | None) -> dict[str, Any]:
    contexts = {entry["name"]: entry.get("context") or {} for entry in config.get("contexts") or ()}
    clusters = {entry["name"]: entry.get("cluster") or {} for entry in config.get("clusters") or ()}
    found: dict[str, Any] = clusters.get(contexts.get(context, {}).get("cluster"), {})
    return found
