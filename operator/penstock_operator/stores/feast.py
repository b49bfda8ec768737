"""Feast projects: watched, and removed at the end."""

from __future__ import annotations

from penstock.api.meta import DeletionPolicy
from penstock.api.stagedrun import StagedKind
from penstock.api.stores import FeatureStore, FeatureStoreStatus
from penstock_operator import references
from penstock_operator.adapters.connections import Connections
from penstock_operator.ports import World


class FeastProjects:
    """The project of each FeatureStore."""

    view = "FeatureView"
    output: StagedKind = "Features"
    staged = staticmethod(references.feature_stores)

    def __init__(self, world: World) -> None:
        self._features, self._connections = world.features, Connections.over(world)

    def status(self, obj: FeatureStore, version: str | None) -> FeatureStoreStatus:
        """The status as it is: a project has no version."""
        return obj.status.model_copy(deep=True)

    def possession(self, obj: FeatureStore) -> str:
        """The project, unless it is retained."""
        return f"Feast project {obj.spec.project!r}" if obj.spec.deletion_policy is DeletionPolicy.DELETE else ""

    async def check(self, obj: FeatureStore) -> None:
        """Ask the registry and the online store."""
        await self._features.check(await self._connections.feast(obj))

    async def remove(self, obj: FeatureStore) -> None:
        """Remove the project."""
        await self._features.drop_project(await self._connections.feast(obj))
