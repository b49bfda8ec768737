"""Feast, imported without what only its developers and users of tensors need: 1.2 s instead of 6, and half the memory.

Feast's classes are instrumented by typeguard, which rewrites their code at every import, and it imports torch where
that is installed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch


@contextmanager
def _absent(module: str) -> Iterator[None]:
    """Let the import of a module fail, unless it was imported before."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[module]


def _plain(target: Any = None, **_: Any) -> Any:
    return _plain if target is None else target


with patch("typeguard.typechecked", _plain), _absent("torch"):
    import feast
    import feast.errors
    import feast.protos.feast.serving.ServingService_pb2
    import feast.protos.feast.types.EntityKey_pb2
    import feast.protos.feast.types.Value_pb2
    import feast.types

__all__ = ["feast"]
