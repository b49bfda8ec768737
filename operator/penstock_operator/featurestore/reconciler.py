"""The reconciler of FeatureStores."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from penstock.api.stores import FeatureStore
from penstock.installation import Installation
from penstock_operator.connections import Connections
from penstock_operator.loop.reconciler import Plan, Related
from penstock_operator.loop.related import referred, referring, secrets, store
from penstock_operator.ports import Cluster, Features
from penstock_operator.storehealth.observe import ask, users_of
from penstock_operator.storehealth.plan import Observed, decide


class FeatureStoreReconciler:
    """Keeps an eye on a Feast project."""

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
        return Plan(status, (), decision.after, decision.finalized)

    async def converge(self, obj: FeatureStore, action: Any) -> None:
        """Nothing: a store is only looked at."""

    async def _check(self, obj: FeatureStore) -> None:
        await self._features.check(await self._connections.feast(obj))
