"""The reconciler of VectorCollections."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from penstock.api.stores import VectorStore
from penstock.api.views import VectorCollection
from penstock.handoff import MilvusConnection
from penstock.installation import Installation
from penstock.naming import identifier
from penstock.secrets import MissingSecret
from penstock_operator.adapters.connections import Connections
from penstock_operator.loop.parse import parse
from penstock_operator.loop.reconciler import Plan, Related
from penstock_operator.loop.related import referred, referring, store, vector_collections
from penstock_operator.ports import Cluster, Refused, Unreachable, Vectors
from penstock_operator.publicnames.feeders import feeders_of
from penstock_operator.publicnames.holder import holder_of
from penstock_operator.publicnames.plan import Observed, Point, Release, decide, pointer_of
from penstock_operator.target import target_digest


class VectorCollectionReconciler:
    """Lets the alias follow the pointer."""

    kind = VectorCollection
    related: Mapping[str, Related] = {
        "Materialization": referred("VectorCollection", vector_collections),
        "VectorStore": referring("VectorCollection", store),
    }

    def __init__(self, cluster: Cluster, vectors: Vectors, installation: Installation) -> None:
        self._cluster = cluster
        self._vectors = vectors
        self._connections = Connections(cluster, installation)

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

    def plan(self, obj: VectorCollection, observed: Observed, now: datetime) -> Plan:
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
            case Release(physical):
                await self._vectors.drop_alias(connection, alias, physical)

    async def _connection(self, obj: VectorCollection) -> MilvusConnection | None:
        found = await self._cluster.get("VectorStore", obj.metadata.namespace, obj.spec.store_ref.name)
        return await self._connections.milvus(parse(VectorStore, found)) if found is not None else None
