"""What keeps a replica from acting that no longer leads."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import structlog

from penstock_operator.kubernetes.lease import Lease
from penstock_operator.loop.kind import AnyKind

LOOK_SECONDS = 0.25

log = structlog.get_logger(__name__)


def fenced(kind: AnyKind, check: Callable[[], None], converged: Callable[[str, Any], None]) -> AnyKind:
    """The kind, but that it converges only while `check` raises nothing; `converged` is told of each (kind, action)."""

    async def converge(obj: Any, action: Any) -> None:
        check()
        await kind.converge(obj, action)
        converged(kind.name, action)

    return replace(kind, converge=converge)


def exit_now(code: int) -> None:
    """End the process at once: a thread that waits for a store would go on, and act for a leader that is none."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


class Watchdog:
    """Ends the process of a leader whose lease runs out, even if its event loop hangs."""

    def __init__(self, lease: Lease, end: Callable[[int], None] = exit_now) -> None:
        self._lease, self._end = lease, end
        self._stopped = threading.Event()

    def __enter__(self) -> None:
        """Begin to look."""
        threading.Thread(target=self._look, name="watchdog", daemon=True).start()

    def __exit__(self, *_: object) -> None:
        """Look no more."""
        self._stopped.set()

    def _look(self) -> None:
        timing = self._lease.timing
        # Well before another may take it, and well after the event loop should have noticed.
        most = (timing.deadline + timing.duration) / 2
        while not self._stopped.wait(LOOK_SECONDS):
            if self._lease.leading and self._lease.age > most:
                log.error("Lease not renewed in time, and the event loop did not notice", seconds=self._lease.age)
                self._end(1)
