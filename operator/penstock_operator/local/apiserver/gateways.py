"""What the gateway of the local stack says of itself, in its Lease."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.heartbeat import Heartbeat
from penstock_operator.local.apiserver.store import ObjectStore
from penstock_operator.loop.reconcile import utc_now
from penstock_operator.materialization.served import heartbeats


class StoredGateways:
    """Reads the Leases of the object store."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def heartbeats(self) -> Sequence[Heartbeat]:
        """Of the gateways that live."""
        return heartbeats(self._store.list("Lease"), utc_now())
