"""The last values of Secrets, for the end of what needs them: who deletes a namespace deletes its Secrets first."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

KEPT_SECONDS = 3600.0
"""A store that is there is read every minute at most: of one that was not read for so long nothing is left."""


class SecretMemory:
    """Secrets as they were last read, by namespace and name; in memory alone, and never shown."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # In the order in which they were last used.
        self._kept: dict[tuple[str, str], tuple[float, dict[str, Any]]] = {}

    def remember(self, namespace: str, name: str, secret: dict[str, Any]) -> None:
        """Take a Secret as it is now."""
        now = self._clock()
        self._kept.pop((namespace, name), None)
        self._kept[namespace, name] = now, secret
        self._expire(now)

    def recall(self, namespace: str, name: str) -> dict[str, Any] | None:
        """The Secret as it was when it was last read, or None where that is not known any more."""
        self._expire(self._clock())
        if (namespace, name) not in self._kept:
            return None
        _, secret = self._kept[namespace, name]
        self.remember(namespace, name, secret)
        return secret

    def _expire(self, now: float) -> None:
        for key, (used, _) in list(self._kept.items()):
            if now - used < KEPT_SECONDS:
                return
            del self._kept[key]
