"""A Milvus: watched."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from penstock.api.stores import VectorStore
from penstock_operator.adapters.connections import Connections
from penstock_operator.loop.plan import ALWAYS, Plan
from penstock_operator.ports import World
from penstock_operator.stores.observe import ask, users_of
from penstock_operator.stores.plan import Observed, decide


class Milvus:
    """Keeps an eye on a Milvus."""

    def __init__(self, world: World) -> None:
        self._cluster = world.cluster
        self._vectors = world.vectors
        self._connections = Connections(world.cluster, world.installation)

    async def observe(self, obj: VectorStore) -> Observed:
        """Ask the server for its version."""
        meta = obj.metadata
        users = await users_of(self._cluster, meta.namespace, meta.name, "VectorCollection", "Embeddings")
        return await ask(self._check(obj), users)

    def plan(self, obj: VectorStore, observed: Observed, now: datetime, since: datetime = ALWAYS) -> Plan[Any]:
        """Show the answer."""
        status = obj.status.model_copy(deep=True)
        decision = decide(obj.metadata, status.conditions, observed, now)
        status.conditions, status.version = decision.conditions, observed.version or status.version
        return Plan(status, (), decision.after, decision.finalized)

    async def converge(self, obj: VectorStore, action: Any) -> None:
        """Nothing: a store is only looked at."""

    async def _check(self, obj: VectorStore) -> str:
        return await self._vectors.check(await self._connections.milvus(obj))
