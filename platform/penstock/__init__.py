"""Penstock: carries a training run's whole output through a gate into serving, as one reversible step."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penstock.client import AsyncClient, Client, PenstockError

__version__ = "0.1.0"

__all__ = ["AsyncClient", "Client", "PenstockError", "__version__"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("penstock.client"), name)
