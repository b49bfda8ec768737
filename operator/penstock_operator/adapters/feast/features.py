"""Feast behind the port. The SDK is imported in the thread that first needs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from penstock.rundir.digests import digest_json
from penstock.stores.feast.errors import FeaturesRefused, FeaturesUnreachable
from penstock_operator.adapters.threads import EndpointThreads
from penstock_operator.ports import Refused, Unreachable

T = TypeVar("T")

TIMEOUT_SECONDS = 40.0
"""Feast takes several seconds to import, in the first call."""


class FeastFeatures:
    """The registry and online store of any Feast project."""

    def __init__(self) -> None:
        self._threads = EndpointThreads(away=(FeaturesUnreachable,))

    async def check(self, config: Mapping[str, Any]) -> None:
        """Open the registry and the online store."""

        def work() -> None:
            from penstock.stores.feast.store import check

            check(config)

        await self._call(config, work)

    async def service_view(self, config: Mapping[str, Any], service: str) -> str | None:
        """The view behind a feature service."""

        def work() -> str | None:
            from penstock_operator.adapters.feast.services import service_view

            return service_view(config, service)

        return await self._call(config, work)

    async def point_service(self, config: Mapping[str, Any], service: str, view: str) -> None:
        """Let the feature service stand for this view."""

        def work() -> None:
            from penstock_operator.adapters.feast.services import point_service

            point_service(config, service, view)

        await self._call(config, work)

    async def drop_service(self, config: Mapping[str, Any], service: str, view: str) -> None:
        """Remove the feature service, where it is Penstock's and stands for this view."""

        def work() -> None:
            from penstock_operator.adapters.feast.services import drop_service

            drop_service(config, service, view)

        await self._call(config, work)

    async def has_view(self, config: Mapping[str, Any], view: str) -> bool:
        """Whether a view is registered, and its rows are there as far as that can be told cheaply."""

        def work() -> bool:
            from penstock_operator.adapters.feast.views import has_view

            return has_view(config, view)

        return await self._call(config, work)

    async def drop_view(self, config: Mapping[str, Any], view: str) -> None:
        """Remove a view that no feature service names, with its online data."""

        def work() -> None:
            from penstock_operator.adapters.feast.views import drop_view

            drop_view(config, view)

        await self._call(config, work)

    async def drop_project(self, config: Mapping[str, Any]) -> None:
        """Remove what is Penstock's and unused, and the project where nothing is left in it."""

        def work() -> None:
            from penstock_operator.adapters.feast.projects import drop_project

            drop_project(config)

        await self._call(config, work)

    async def _call(self, config: Mapping[str, Any], work: Callable[[], T]) -> T:
        # The whole configuration: two projects of one name may have different stores.
        endpoint = f"Feast project {config['project']} ({digest_json(dict(config))[7:15]})"
        try:
            return await self._threads.run(endpoint, work, TIMEOUT_SECONDS)
        except FeaturesUnreachable as error:
            raise Unreachable(str(error)) from error
        except FeaturesRefused as error:
            raise Refused(str(error)) from error
