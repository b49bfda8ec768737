"""The reconciler of Materializations."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from penstock.api.materialization import Materialization
from penstock.installation import Installation
from penstock_operator.loop.reconciler import Plan, Related
from penstock_operator.loop.related import (
    feature_views,
    owned,
    referring,
    referring_through,
    store,
    training_job,
    vector_collections,
)
from penstock_operator.materialization.converge import Action, Converger
from penstock_operator.materialization.observe import Observer
from penstock_operator.materialization.observed import Observed
from penstock_operator.materialization.plan import plan
from penstock_operator.ports import Artifacts, Cluster, Features, Rays, Vectors


class MaterializationReconciler:
    """Carries each new run of a TrainingJob through its gates into serving."""

    kind = Materialization
    related: Mapping[str, Related] = {
        "TrainingJob": referring("Materialization", training_job),
        "RayJob": owned("Materialization"),
        "FeatureView": referring("Materialization", feature_views),
        "VectorCollection": referring("Materialization", vector_collections),
        "FeatureStore": referring_through("FeatureView", store, "Materialization", feature_views),
        "VectorStore": referring_through("VectorCollection", store, "Materialization", vector_collections),
    }

    def __init__(
        self,
        cluster: Cluster,
        rays: Rays,
        features: Features,
        vectors: Vectors,
        artifacts: Artifacts,
        installation: Installation,
    ) -> None:
        self._observer = Observer(cluster, rays, artifacts, installation)
        self._converger = Converger(cluster, rays, features, vectors, artifacts, installation)

    async def observe(self, obj: Materialization) -> Observed:
        """What is."""
        return await self._observer.observe(obj)

    def plan(self, obj: Materialization, observed: Observed, now: datetime) -> Plan:
        """What to do."""
        return plan(obj, observed, now)

    async def converge(self, obj: Materialization, action: Action | Any) -> None:
        """Do one thing."""
        await self._converger.converge(obj, action)
