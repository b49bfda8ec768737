"""What a cluster's installation says of itself."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, Protocol

from penstock.client.errors import ApiError, ConfigError, Forbidden, NotFound
from penstock.client.proxy import Service

SYSTEM_NAMESPACE_VARIABLE = "PENSTOCK_SYSTEM_NAMESPACE"
SYSTEM_NAMESPACE = "penstock"
CONFIG_MAP, KEY = "penstock-installation", "installation.json"
GATEWAY = "penstock-gateway"
"""The gateway's Service of a release `penstock`, for whom the installation does not name one."""


class Documents(Protocol):
    """Reads Secrets and ConfigMaps."""

    async def core_document(self, kind: str, name: str, namespace: str) -> dict[str, Any]:
        """One of them as the API keeps it."""


def system_namespace() -> str:
    """The namespace that Penstock itself runs in."""
    return os.environ.get(SYSTEM_NAMESPACE_VARIABLE) or SYSTEM_NAMESPACE


def where() -> str:
    """The ConfigMap, for people."""
    return f"ConfigMap {CONFIG_MAP} in namespace {system_namespace()!r}"


async def artifacts_uri(documents: Documents) -> str:
    """The artifact store of the cluster.

    Raises:
        ConfigError: the installation is not found, may not be read, or does not say.
    """
    installation = await read_installation(documents)
    try:
        return str(installation["artifacts"])
    except KeyError:
        raise ConfigError(f"{where()} does not say where the artifacts are: upgrade penstock") from None


async def read_installation(documents: Documents) -> dict[str, Any]:
    """The installation as the chart wrote it; a newer chart may say more than is known here.

    Raises:
        ConfigError: it is not found, may not be read, or is not JSON.
    """
    try:
        return parsed(await documents.core_document("ConfigMap", CONFIG_MAP, system_namespace()))
    except NotFound:
        raise ConfigError(
            f"{where()} is not there: install Penstock, or name its namespace by {SYSTEM_NAMESPACE_VARIABLE}"
        ) from None
    except Forbidden as error:
        raise ConfigError(f"{where()} may not be read: {error}") from error
    except ApiError as error:
        raise ConfigError(f"{where()} cannot be read: {error}") from error


def parsed(config_map: Mapping[str, Any]) -> dict[str, Any]:
    """The installation that the ConfigMap holds.

    Raises:
        ConfigError: it holds none.
    """
    try:
        return dict(json.loads(config_map["data"][KEY]))
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{where()} is not what this version knows ({error}): upgrade penstock") from error


def gateway_service(installation: Mapping[str, Any]) -> Service:
    """The gateway's Service, as the installation names it, or else that of a release `penstock`.

    Examples:
        >>> gateway_service({"gateway": {"service": "ml-gateway", "port": "https", "scheme": "https"}}).path
        '/api/v1/namespaces/penstock/services/https:ml-gateway:https/proxy'
    """
    named = installation.get("gateway") or {}
    scheme = str(named.get("scheme") or "http")
    return Service(system_namespace(), str(named.get("service") or GATEWAY), str(named.get("port") or scheme), scheme)
