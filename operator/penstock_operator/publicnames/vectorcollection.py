"""An alias: it follows the pointer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from penstock.api.stores import VectorStore
from penstock.api.views import VectorCollection
from penstock.handoff import MilvusConnection
from penstock.naming import identifier
from penstock.secrets import MissingSecret
from penstock_operator.adapters.connections import Connections
from penstock_operator.loop.parse import parse
from penstock_operator.loop.plan import ALWAYS, Plan
from penstock_operator.ports import Refused, Unreachable, World
from penstock_operator.publicnames.feeders import feeders_of
from penstock_operator.publicnames.holder import holder_of
from penstock_operator.publicnames.plan import Observed, Point, Release, decide, pointer_of
from penstock_operator.references import vector_collections
from penstock_operator.target import target_digest


class CollectionAlias:
    """Lets the alias follow the pointer."""

    def __init__(self, world: World) -> None:
        self._cluster = world.cluster
        self._vectors = world.vectors
        self._connections = Connections(world.cluster, world.installation)

    async def observe(self, obj: VectorCollection) -> Observed:
        """The pointer, and the alias as it is."""
        namespace, name = obj.metadata.namespace, obj.metadata.name
        feeders = await feeders_of(self._cluster, namespace, name, vector_collections)
        pointed = pointer_of(feeders, name, "Embeddings", target_digest(obj))
        found = Observed(feeders=tuple(feeder.metadata.name for feeder in feeders), pointed=pointed)
        connection = None
        try:
            connection = await self._connection(obj)
            if connection is None:
                return Observed(store_exists=False, store_problem="The store does not exist")
            current = await self._vectors.alias_target(connection, identifier(name))
        except (Unreachable, Refused, MissingSecret) as error:
            return Observed(store_problem=str(error), feeders=found.feeders, pointed=found.pointed)
        holder = await holder_of(self._cluster, "VectorCollection", "collection", obj.metadata, current)
        return Observed(feeders=found.feeders, pointed=found.pointed, current=current, holder=holder)

    def plan(self, obj: VectorCollection, observed: Observed, now: datetime, since: datetime = ALWAYS) -> Plan[Any]:
        """Follow the pointer."""
        status = obj.status.model_copy(deep=True)
        spec = obj.spec
        decision = decide(obj.metadata, status.conditions, spec.deletion_policy, spec.store_ref.name, observed, now)
        status.conditions = decision.conditions
        status.alias = identifier(obj.metadata.name)
        if decision.served is not None:
            status.collection, status.run = decision.served.physical, decision.served.run
        elif (observed.current is None and not observed.store_problem) or observed.holder:
            status.collection = status.run = None
        return Plan(status, decision.actions, decision.after, decision.finalized)

    async def converge(self, obj: VectorCollection, action: Point | Release | Any) -> None:
        """Move or remove the alias."""
        connection = await self._connection(obj)
        if connection is None:
            return
        alias = identifier(obj.metadata.name)
        match action:
            case Point(physical):
                await self._vectors.move_alias(connection, alias, physical)
            case Release():
                await self._vectors.drop_alias(connection, alias)

    async def _connection(self, obj: VectorCollection) -> MilvusConnection | None:
        found = await self._cluster.get("VectorStore", obj.metadata.namespace, obj.spec.store_ref.name)
        return await self._connections.milvus(parse(VectorStore, found)) if found is not None else None
