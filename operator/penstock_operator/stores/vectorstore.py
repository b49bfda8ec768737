"""The reconciler of VectorStores."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from penstock.api.stores import VectorStore
from penstock.installation import Installation
from penstock_operator.adapters.connections import Connections
from penstock_operator.loop.reconciler import Plan, Related
from penstock_operator.loop.related import referred, referring, secrets, store
from penstock_operator.ports import Cluster, Vectors
from penstock_operator.stores.observe import ask, users_of
from penstock_operator.stores.plan import Observed, decide


class VectorStoreReconciler:
    """Keeps an eye on a Milvus."""

    kind = VectorStore
    related: Mapping[str, Related] = {
        "VectorCollection": referred("VectorStore", store),
        "Secret": referring("VectorStore", secrets),
    }

    def __init__(self, cluster: Cluster, vectors: Vectors, installation: Installation) -> None:
        self._cluster = cluster
        self._vectors = vectors
        self._connections = Connections(cluster, installation)

    async def observe(self, obj: VectorStore) -> Observed:
        """Ask the server for its version."""
        meta = obj.metadata
        users = await users_of(self._cluster, meta.namespace, meta.name, "VectorCollection", "Embeddings")
        return await ask(self._check(obj), users)

    def plan(self, obj: VectorStore, observed: Observed, now: datetime) -> Plan:
        """Show the answer."""
        status = obj.status.model_copy(deep=True)
        decision = decide(obj.metadata, status.conditions, observed, now)
        status.conditions, status.version = decision.conditions, observed.version or status.version
        return Plan(status, (), decision.after, decision.finalized)

    async def converge(self, obj: VectorStore, action: Any) -> None:
        """Nothing: a store is only looked at."""

    async def _check(self, obj: VectorStore) -> str:
        return await self._vectors.check(await self._connections.milvus(obj))
