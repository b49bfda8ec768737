"""The reconciler of FeatureStores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from penstock.api.meta import DeletionPolicy
from penstock.api.stores import FeatureStore, StoreReason
from penstock.installation import Installation
from penstock_operator.adapters.connections import Connections
from penstock_operator.loop.reconciler import Plan, Related
from penstock_operator.loop.related import referred, referring, secrets, store
from penstock_operator.ports import Cluster, Features
from penstock_operator.stores.observe import ask, users_of
from penstock_operator.stores.plan import Observed, decide


@dataclass(frozen=True)
class DropProject:
    """Remove the Feast project."""


class FeatureStoreReconciler:
    """Keeps an eye on a Feast project, and removes it at the end."""

    kind = FeatureStore
    related: Mapping[str, Related] = {
        "FeatureView": referred("FeatureStore", store),
        "Secret": referring("FeatureStore", secrets),
    }

    def __init__(self, cluster: Cluster, features: Features, installation: Installation) -> None:
        self._cluster = cluster
        self._features = features
        self._connections = Connections(cluster, installation)

    async def observe(self, obj: FeatureStore) -> Observed:
        """Ask the registry and the online store."""
        meta = obj.metadata
        users = await users_of(self._cluster, meta.namespace, meta.name, "FeatureView", "Features")
        return await ask(self._check(obj), users)

    def plan(self, obj: FeatureStore, observed: Observed, now: datetime) -> Plan:
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
