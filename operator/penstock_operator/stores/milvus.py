"""Milvus servers: watched."""

from __future__ import annotations

from penstock.api.stagedrun import StagedKind
from penstock.api.stores import VectorStore, VectorStoreStatus
from penstock_operator import references
from penstock_operator.adapters.connections import Connections
from penstock_operator.ports import World


class MilvusServers:
    """The server of each VectorStore."""

    view = "VectorCollection"
    output: StagedKind = "Embeddings"
    staged = staticmethod(references.vector_stores)

    def __init__(self, world: World) -> None:
        self._vectors, self._connections = world.vectors, Connections.over(world)

    def status(self, obj: VectorStore, version: str | None) -> VectorStoreStatus:
        """The status with the version, which stays known while the server is away."""
        return obj.status.model_copy(update={"version": version or obj.status.version}, deep=True)

    def possession(self, obj: VectorStore) -> str:
        """Nothing: a database is not ours."""
        return ""

    async def check(self, obj: VectorStore) -> str:
        """Ask the server for its version."""
        return await self._vectors.check(await self._connections.milvus(obj))

    async def remove(self, obj: VectorStore) -> None:
        """Nothing."""
