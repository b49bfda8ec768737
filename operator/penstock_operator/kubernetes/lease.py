"""Leader election by a Lease: one replica acts, and stops before another may.

The rules are those of client-go's leaderelection: a lease that has not changed for its duration, by our own clock, is
free; a leader that could not renew in time gives up earlier than that.
https://pkg.go.dev/k8s.io/client-go/tools/leaderelection
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from penstock_operator.kubernetes.api import Api
from penstock_operator.ports import ClusterUnreachable, Conflict, Object, Refused, Unreachable

log = structlog.get_logger(__name__)


class LeaseLost(ClusterUnreachable):
    """The lease is not ours, or could not be renewed in time: nothing may be done any more."""


@dataclass(frozen=True)
class Timing:
    """Seconds of a lease."""

    duration: float = 15.0
    """How long a lease holds without a renewal."""
    deadline: float = 10.0
    """How long after a renewal the leader may act; the rest of the duration is for what is on its way."""
    renew: float = 2.0
    """Between two renewals."""
    retry: float = 1.0
    """Between two tries to get it."""
    call: float = 3.0
    """How long one call may take."""


class Lease:
    """A Lease of one name, as one replica sees it."""

    def __init__(self, api: Api, namespace: str, name: str, identity: str, timing: Timing | None = None) -> None:
        self._api, self._namespace, self._name, self._identity = api, namespace, name, identity
        self.timing = timing or Timing()
        self.leading = False
        self._renewed_at = 0.0
        self._seen: tuple[Any, float] = (None, 0.0)
        self._held: Object | None = None

    @property
    def age(self) -> float:
        """Seconds since the lease was last surely ours."""
        return time.monotonic() - self._renewed_at

    def check(self) -> None:
        """Stand before every effect.

        Raises:
            LeaseLost: this replica does not lead, or no longer knows that it does.
        """
        if not self.leading or self.age >= self.timing.deadline:
            raise LeaseLost(f"Lease {self._namespace}/{self._name} is not held by {self._identity}")

    async def lead(self, work: Callable[[], Awaitable[None]]) -> None:
        """Wait for the lease, and work while it is ours; when cancelled, the work has ended, the lease stays ours.

        Raises:
            LeaseLost: it could not be renewed, or is another's; this process should end at once.
        """
        while not await self._try():  # noqa: ASYNC110 - what is waited for is elsewhere
            await asyncio.sleep(self.timing.retry)
        log.info("Leading", lease=self._name, identity=self._identity)
        self.leading = True
        working = asyncio.ensure_future(work())
        renewing = asyncio.create_task(self._renew(), name="renew the lease")
        try:
            await asyncio.wait([working, renewing], return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.leading = False
            working.cancel()
            renewing.cancel()
            if renewing.done():
                self._held = None
            else:
                await asyncio.wait([working], timeout=self.timing.call)
                # What still works must not find another at its side.
                self._held = self._held if working.done() else None
        for task in (renewing, working):
            if task.done() and not task.cancelled():
                task.result()

    async def release(self) -> None:
        """Let another have it at once, if the work has ended; what cannot be given back runs out by itself."""
        if self._held is None:
            return
        spec = {**self._held["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}
        try:
            async with asyncio.timeout(self.timing.call):
                await self._api.replace(self._with_spec(self._held, spec))
        except (Unreachable, Conflict, Refused, TimeoutError) as error:
            log.warning("Lease not given back", lease=self._name, error=str(error) or "no answer in time")

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self.timing.renew)
            while not await self._try():
                if self.age + self.timing.renew >= self.timing.deadline:
                    raise LeaseLost(f"Lease {self._namespace}/{self._name} could not be renewed")
                await asyncio.sleep(self.timing.renew / 4)

    async def _try(self) -> bool:
        """Take or renew the lease; whether it is ours now."""
        started = time.monotonic()
        try:
            async with asyncio.timeout(self.timing.call):
                ours = await self._take()
        except LeaseLost:
            raise
        except (Unreachable, Conflict, Refused, TimeoutError) as error:
            log.warning("Lease not reached", lease=self._name, error=str(error) or "no answer in time")
            return False
        if ours:
            # The API may have taken it at any moment since.
            self._renewed_at = started
        return ours

    async def _take(self) -> bool:
        if self.leading and self._held is not None:
            try:
                self._held = await self._api.replace(self._mine(self._held))
                return True
            except Conflict:
                self._held = None
        current = await self._api.get("Lease", self._namespace, self._name)
        if current is None:
            self._held = await self._api.create(self._mine(None))
            return True
        if not self._free(current["spec"]):
            if self.leading:
                raise LeaseLost(
                    f"Lease {self._namespace}/{self._name} was taken by {current['spec']['holderIdentity']}"
                )
            return False
        self._held = await self._api.replace(self._mine(current))
        return True

    def _free(self, spec: dict[str, Any]) -> bool:
        """Whether nobody else holds it: by what changes, never by another machine's clock."""
        holder = spec.get("holderIdentity")
        if not holder or holder == self._identity:
            return True
        now = time.monotonic()
        record = (holder, spec.get("renewTime"), spec.get("leaseTransitions"))
        if record != self._seen[0]:
            self._seen = (record, now)
        duration = float(spec.get("leaseDurationSeconds") or self.timing.duration)
        return now - self._seen[1] >= duration

    def _mine(self, current: Object | None) -> Object:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        before = dict(current["spec"]) if current is not None else {}
        stays = before.get("holderIdentity") == self._identity
        spec = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": max(int(self.timing.duration), 1),
            "renewTime": now,
            "acquireTime": before.get("acquireTime", now) if stays else now,
            "leaseTransitions": before.get("leaseTransitions", 0) + (current is not None and not stays),
        }
        return self._with_spec(current, spec)

    def _with_spec(self, current: Object | None, spec: dict[str, Any]) -> Object:
        meta = {"name": self._name, "namespace": self._namespace}
        if current is not None:
            meta["resourceVersion"] = current["metadata"]["resourceVersion"]
        return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec}
