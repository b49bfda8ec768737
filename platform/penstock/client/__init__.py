"""The SDK's client: one transport, the Kubernetes REST API, for a cluster and for the local stack alike."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penstock.client.aio import AsyncClient
    from penstock.client.config import gateway_url
    from penstock.client.errors import (
        AlreadyExists,
        ApiError,
        ConfigError,
        Conflict,
        Forbidden,
        Invalid,
        LogAway,
        ManifestError,
        NotFound,
        NotPossible,
        PenstockError,
        Unauthorized,
        Unreachable,
        WaitFailed,
        WaitTimeout,
    )
    from penstock.client.gateways import async_gateway_client, gateway_client
    from penstock.client.records import Applied, Change, Event
    from penstock.client.sync import Client

_MODULES = {"AsyncClient": "aio", "Client": "sync", "gateway_url": "config"}
_MODULES |= dict.fromkeys(("gateway_client", "async_gateway_client"), "gateways")
_MODULES |= dict.fromkeys(("Applied", "Change", "Event"), "records")

__all__ = [
    "AlreadyExists",
    "ApiError",
    "Applied",
    "AsyncClient",
    "Change",
    "Client",
    "ConfigError",
    "Conflict",
    "Event",
    "Forbidden",
    "Invalid",
    "LogAway",
    "ManifestError",
    "NotFound",
    "NotPossible",
    "PenstockError",
    "Unauthorized",
    "Unreachable",
    "WaitFailed",
    "WaitTimeout",
    "async_gateway_client",
    "gateway_client",
    "gateway_url",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'errors')}"), name)
