"""Feature services, the public names of FeatureViews in Feast."""

from __future__ import annotations

from typing import Any

from penstock.api.stagedrun import StagedKind, StagedRunSpec
from penstock.api.stores import FeatureStore
from penstock.api.views import FeatureView, FeatureViewStatus, ViewShape
from penstock.naming import identifier
from penstock_operator import references
from penstock_operator.adapters.connections import Connections
from penstock_operator.loop.parse import parse
from penstock_operator.ports import Object, World

Config = dict[str, Any]


class FeatureServices:
    """The feature service of each FeatureView."""

    noun = "feature service"
    output: StagedKind = "Features"
    store = "FeatureStore"
    targets = staticmethod(references.feature_views)

    def __init__(self, world: World) -> None:
        self._features, self._connections = world.features, Connections.over(world)

    def stands_for(self, obj: FeatureView) -> str | None:
        """The view in the status."""
        return obj.status.view

    def status(self, obj: FeatureView, physical: str | None, run: str | None) -> FeatureViewStatus:
        """The status with this view and run."""
        said = {"service": identifier(obj.metadata.name), "view": physical, "run": run}
        return obj.status.model_copy(update=said, deep=True)

    def staged_shape(self, spec: StagedRunSpec, name: str) -> ViewShape | None:
        """The view as it was."""
        return next((one for one in spec.features if one.feature_view_ref.name == name), None)

    async def reach(self, store: Object) -> Config:
        """The configuration of the project."""
        return await self._connections.feast(parse(FeatureStore, store))

    async def current(self, store: Config, public: str) -> str | None:
        """The view behind a service."""
        return await self._features.service_view(store, public)

    async def point(self, store: Config, public: str, physical: str) -> None:
        """Let a service stand for a view."""
        await self._features.point_service(store, public, physical)

    async def release(self, store: Config, public: str, physical: str) -> None:
        """Remove a service that stands for a view."""
        await self._features.drop_service(store, public, physical)
