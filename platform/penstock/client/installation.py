"""What a cluster's installation says of itself."""

from __future__ import annotations

import json
import os
from typing import Any

from penstock.client.errors import ApiError, ConfigError, Forbidden, NotFound
from penstock.client.session import Session

SYSTEM_NAMESPACE_VARIABLE = "PENSTOCK_SYSTEM_NAMESPACE"
SYSTEM_NAMESPACE = "penstock"
CONFIG_MAP, KEY = "penstock-installation", "installation.json"


def system_namespace() -> str:
    """The namespace that Penstock itself runs in."""
    return os.environ.get(SYSTEM_NAMESPACE_VARIABLE) or SYSTEM_NAMESPACE


def where() -> str:
    """The ConfigMap, for people."""
    return f"ConfigMap {CONFIG_MAP} in namespace {system_namespace()!r}"


async def artifacts_uri(session: Session) -> str:
    """The artifact store of the cluster.

    Raises:
        ConfigError: the installation is not found, may not be read, or does not say.
    """
    installation = await read_installation(session)
    try:
        return str(installation["artifacts"])
    except KeyError:
        raise ConfigError(f"{where()} does not say where the artifacts are: upgrade penstock") from None


async def read_installation(session: Session) -> dict[str, Any]:
    """The installation as the chart wrote it; a newer chart may say more than is known here.

    Raises:
        ConfigError: it is not found, may not be read, or is not JSON.
    """
    try:
        found = await session.core_document("ConfigMap", CONFIG_MAP, system_namespace())
        installation: dict[str, Any] = json.loads(found["data"][KEY])
        return installation
    except NotFound:
        raise ConfigError(
            f"{where()} is not there: install Penstock, or name its namespace by {SYSTEM_NAMESPACE_VARIABLE}"
        ) from None
    except Forbidden as error:
        raise ConfigError(f"{where()} may not be read: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{where()} is not what this version knows ({error}): upgrade penstock") from error
    except ApiError as error:
        raise ConfigError(f"{where()} cannot be read: {error}") from error
