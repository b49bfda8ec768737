"""What a cluster's installation says of itself."""

from __future__ import annotations

import json
import os

from penstock.client.errors import ApiError, ConfigError, Forbidden, NotFound
from penstock.client.session import Session

SYSTEM_NAMESPACE_VARIABLE = "PENSTOCK_SYSTEM_NAMESPACE"
SYSTEM_NAMESPACE = "penstock"
CONFIG_MAP, KEY = "penstock-installation", "installation.json"


def system_namespace() -> str:
    """The namespace that Penstock itself runs in."""
    return os.environ.get(SYSTEM_NAMESPACE_VARIABLE) or SYSTEM_NAMESPACE


async def artifacts_uri(session: Session) -> str:
    """The artifact store of the cluster.

    Raises:
        ConfigError: the installation is not found, may not be read, or does not say.
    """
    space = system_namespace()
    where = f"ConfigMap {CONFIG_MAP} in namespace {space!r}"
    try:
        found = await session.core_document("ConfigMap", CONFIG_MAP, space)
        installation = json.loads(found["data"][KEY])
        return str(installation["artifacts"])
    except NotFound:
        raise ConfigError(
            f"{where} is not there: install Penstock, or name its namespace by {SYSTEM_NAMESPACE_VARIABLE}"
        ) from None
    except Forbidden as error:
        raise ConfigError(f"{where} may not be read: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{where} does not say where the artifacts are ({error}): upgrade penstock") from error
    except ApiError as error:
        raise ConfigError(f"{where} cannot be read: {error}") from error
