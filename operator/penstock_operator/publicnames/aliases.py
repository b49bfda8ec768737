"""Aliases, the public names of VectorCollections in Milvus."""

from __future__ import annotations

from penstock.api.stagedrun import StagedKind, StagedRunSpec
from penstock.api.stores import VectorStore
from penstock.api.views import CollectionShape, VectorCollection, VectorCollectionStatus
from penstock.handoff import MilvusConnection
from penstock.naming import identifier
from penstock_operator import references
from penstock_operator.adapters.connections import Connections
from penstock_operator.loop.parse import parse
from penstock_operator.ports import Object, World


class Aliases:
    """The alias of each VectorCollection."""

    noun = "alias"
    output: StagedKind = "Embeddings"
    store = "VectorStore"
    targets = staticmethod(references.vector_collections)

    def __init__(self, world: World) -> None:
        self._vectors, self._connections = world.vectors, Connections.over(world)

    def stands_for(self, obj: VectorCollection) -> str | None:
        """The collection in the status."""
        return obj.status.collection

    def status(self, obj: VectorCollection, physical: str | None, run: str | None) -> VectorCollectionStatus:
        """The status with this collection and run."""
        said = {"alias": identifier(obj.metadata.name), "collection": physical, "run": run}
        return obj.status.model_copy(update=said, deep=True)

    def staged_shape(self, spec: StagedRunSpec, name: str) -> CollectionShape | None:
        """The collection as it was."""
        return next((one for one in spec.vectors if one.vector_collection_ref.name == name), None)

    async def reach(self, store: Object) -> MilvusConnection:
        """The address and token of the server."""
        return await self._connections.milvus(parse(VectorStore, store))

    async def current(self, store: MilvusConnection, public: str) -> str | None:
        """The collection behind an alias."""
        return await self._vectors.alias_target(store, public)

    async def point(self, store: MilvusConnection, public: str, physical: str) -> None:
        """Let an alias stand for a collection."""
        await self._vectors.move_alias(store, public, physical)

    async def release(self, store: MilvusConnection, public: str, physical: str) -> None:
        """Remove an alias that stands for a collection."""
        await self._vectors.drop_alias(store, public, physical)
