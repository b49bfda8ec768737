"""What keeps a replica from acting that no longer leads."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import structlog

from penstock_operator.kubernetes.lease import Lease
from penstock_operator.loop.reconciler import Plan, Reconciler, Related

LOOK_SECONDS = 0.25

log = structlog.get_logger(__name__)


class Fenced:
    """A reconciler that converges only while the lease is held."""

    def __init__(
        self, inner: Reconciler[Any, Any], check: Callable[[], None], converged: Callable[[str, Any], None]
    ) -> None:
        """Ask `check` before each action, and tell `converged` (kind, action) after it."""
        self._inner, self._check, self._converged = inner, check, converged
        self.kind = inner.kind
        self.related: Mapping[str, Related] = inner.related

    async def observe(self, obj: Any) -> Any:
        """What is."""
        return await self._inner.observe(obj)

    def plan(self, obj: Any, observed: Any, now: datetime) -> Plan:
        """What to do."""
        return self._inner.plan(obj, observed, now)

    async def converge(self, obj: Any, action: Any) -> None:
        """Do one thing, if this replica may.

        Raises:
            LeaseLost: it may not.
        """
        self._check()
        await self._inner.converge(obj, action)
        self._converged(self.kind.__name__, action)


def leave(code: int) -> None:
    """End the process at once: a thread that waits for a store would go on, and act for a leader that is none."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


class Watchdog:
    """Ends the process of a leader whose lease runs out, even if its event loop hangs."""

    def __init__(self, lease: Lease, end: Callable[[int], None] = leave) -> None:
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
