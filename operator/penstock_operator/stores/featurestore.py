"""A Feast project: watched, and removed at the end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from penstock.api.meta import DeletionPolicy
from penstock.api.stores import FeatureStore, StoreReason
from penstock_operator.adapters.connections import Connections
from penstock_operator.loop.plan import ALWAYS, Plan
from penstock_operator.ports import World
from penstock_operator.stores.observe import ask, users_of
from penstock_operator.stores.plan import Observed, decide


@dataclass(frozen=True)
class DropProject:
    """Remove the Feast project."""


class FeastProject:
    """Keeps an eye on a Feast project, and removes it at the end."""

    def __init__(self, world: World) -> None:
        self._cluster = world.cluster
        self._features = world.features
        self._connections = Connections(world.cluster, world.installation)

    async def observe(self, obj: FeatureStore) -> Observed:
        """Ask the registry and the online store."""
        meta = obj.metadata
        users = await users_of(self._cluster, meta.namespace, meta.name, "FeatureView", "Features")
        return await ask(self._check(obj), users)

    def plan(self, obj: FeatureStore, observed: Observed, now: datetime, since: datetime = ALWAYS) -> Plan[Any]:
        """Show the answer."""
        status = obj.status.model_copy(deep=True)
        decision = decide(obj.metadata, status.conditions, observed, now)
        status.conditions = decision.conditions
        goes = decision.finalized and observed.reason is StoreReason.READY and not observed.users
        drop = goes and obj.spec.deletion_policy is DeletionPolicy.DELETE
        return Plan(status, (DropProject(),) if drop else (), decision.after, decision.finalized)

    async def converge(self, obj: FeatureStore, action: DropProject | Any) -> None:
        """Remove the project."""
        await self._features.drop_project(await self._connections.feast(obj))

    async def _check(self, obj: FeatureStore) -> None:
        await self._features.check(await self._connections.feast(obj))
