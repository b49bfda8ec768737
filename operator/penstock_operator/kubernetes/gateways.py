"""What the gateways of this installation say of themselves, in their Leases."""

from __future__ import annotations

import time
from collections.abc import Sequence

from penstock.heartbeat import LABELS, Heartbeat
from penstock_operator.kubernetes.api import Api
from penstock_operator.loop.reconcile import Clock, utc_now
from penstock_operator.materialization.served import heartbeats

KEPT_SECONDS = 5.0
"""How long an answer is used: each pass over a Materialization asks."""


class LeasedGateways:
    """Lists the Leases of the operator's own namespace: to watch all would take every node's heartbeat along."""

    def __init__(self, api: Api, namespace: str, clock: Clock = utc_now) -> None:
        self._api, self._namespace, self._clock = api, namespace, clock
        self._read, self._leases = 0.0, list[dict[str, object]]()

    async def heartbeats(self) -> Sequence[Heartbeat]:
        """Of the gateways that live."""
        if time.monotonic() - self._read >= KEPT_SECONDS or not self._read:
            selector = ",".join(f"{name}={value}" for name, value in LABELS.items())
            # Whoever asks meanwhile gets the answer before.
            self._read = time.monotonic()
            self._leases = await self._api.select("Lease", self._namespace, selector)
        return heartbeats(self._leases, self._clock())
