"""A feature service: it follows the pointer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from penstock.api.stores import FeatureStore
from penstock.api.views import FeatureView
from penstock.naming import identifier
from penstock.secrets import MissingSecret
from penstock_operator.adapters.connections import Connections
from penstock_operator.loop.parse import parse
from penstock_operator.loop.plan import ALWAYS, Plan
from penstock_operator.ports import Refused, Unreachable, World
from penstock_operator.publicnames.feeders import feeders_of
from penstock_operator.publicnames.holder import holder_of
from penstock_operator.publicnames.plan import Observed, Point, Release, decide, pointer_of
from penstock_operator.references import feature_views
from penstock_operator.target import target_digest


class FeatureService:
    """Lets the feature service follow the pointer."""

    def __init__(self, world: World) -> None:
        self._cluster = world.cluster
        self._features = world.features
        self._connections = Connections(world.cluster, world.installation)

    async def observe(self, obj: FeatureView) -> Observed:
        """The pointer, and the service as it is."""
        namespace, name = obj.metadata.namespace, obj.metadata.name
        feeders = await feeders_of(self._cluster, namespace, name, feature_views)
        pointed = pointer_of(feeders, name, "Features", target_digest(obj))
        found = Observed(feeders=tuple(feeder.metadata.name for feeder in feeders), pointed=pointed)
        config = None
        try:
            config = await self._config(obj)
            if config is None:
                return Observed(store_exists=False, store_problem="The store does not exist")
            current = await self._features.service_view(config, identifier(name))
        except (Unreachable, Refused, MissingSecret) as error:
            return Observed(store_problem=str(error), feeders=found.feeders, pointed=found.pointed)
        holder = await holder_of(self._cluster, "FeatureView", "view", obj.metadata, current)
        return Observed(feeders=found.feeders, pointed=found.pointed, current=current, holder=holder)

    def plan(self, obj: FeatureView, observed: Observed, now: datetime, since: datetime = ALWAYS) -> Plan[Any]:
        """Follow the pointer."""
        status = obj.status.model_copy(deep=True)
        spec = obj.spec
        decision = decide(obj.metadata, status.conditions, spec.deletion_policy, spec.store_ref.name, observed, now)
        status.conditions = decision.conditions
        status.service = identifier(obj.metadata.name)
        if decision.served is not None:
            status.view, status.run = decision.served.physical, decision.served.run
        elif (observed.current is None and not observed.store_problem) or observed.holder:
            status.view = status.run = None
        return Plan(status, decision.actions, decision.after, decision.finalized)

    async def converge(self, obj: FeatureView, action: Point | Release | Any) -> None:
        """Move or remove the feature service."""
        config = await self._config(obj)
        if config is None:
            return
        service = identifier(obj.metadata.name)
        match action:
            case Point(physical):
                await self._features.point_service(config, service, physical)
            case Release():
                await self._features.drop_service(config, service)

    async def _config(self, obj: FeatureView) -> dict[str, Any] | None:
        found = await self._cluster.get("FeatureStore", obj.metadata.namespace, obj.spec.store_ref.name)
        return await self._connections.feast(parse(FeatureStore, found)) if found is not None else None
