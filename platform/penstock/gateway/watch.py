"""Pointers, as the Kubernetes API tells them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog
from pydantic import ValidationError

from penstock.api import GROUP
from penstock.api.materialization import Materialization
from penstock.gateway import metrics
from penstock.gateway.catalog import Catalog
from penstock.gateway.kubernetes import ALL, ApiAway, ApiRefused, Kubernetes, MissingRight, Object
from penstock.gateway.rbac import rule

RESYNC_SECONDS = 300.0
"""After this long the list is read again, so that a watch which died unseen cannot hide a switch for ever."""
FIRST_WAIT, LONGEST_WAIT = 0.5, 15.0
KIND = "Materialization"

log = structlog.get_logger()


class Watcher:
    """Keeps a catalog true; while the API is away the catalog stays as it is."""

    def __init__(self, api: Kubernetes, catalog: Catalog, namespaces: Sequence[str] = ()) -> None:
        self._catalog = catalog
        self._followers = [
            _Follower(api, catalog, namespace, self._update_catalog) for namespace in namespaces or (ALL,)
        ]

    async def run(self) -> None:
        """Follow until cancelled."""
        await asyncio.gather(*(follower.run() for follower in self._followers))

    def _update_catalog(self) -> None:
        self._catalog.connected = all(follower.connected for follower in self._followers)
        metrics.API_CONNECTED.set(self._catalog.connected)
        self._catalog.synced = all(follower.synced for follower in self._followers)
        self._catalog.problem = "; ".join(follower.problem for follower in self._followers if follower.problem)
        self._catalog.changed.set()


class _Follower:
    """Follows one namespace, or all of them."""

    def __init__(self, api: Kubernetes, catalog: Catalog, namespace: str, changed: Callable[[], None]) -> None:
        self._api = api
        self._catalog = catalog
        self._namespace = namespace
        self._changed = changed
        self.synced = self.connected = False
        self.problem = ""

    async def run(self) -> None:
        wait = FIRST_WAIT
        while True:
            try:
                version = await self._list()
                self.synced, self.connected, self.problem = True, True, ""
                self._changed()
                wait = FIRST_WAIT
                async with asyncio.timeout(RESYNC_SECONDS):
                    await self._watch(version)
            except TimeoutError:
                continue
            except Exception as error:
                said = self._understood(error)
                self.connected = False
                self._changed()
                log.warning(
                    said or "Watch ended unexpectedly",
                    error=str(error),
                    retry_seconds=wait,
                    exc_info=None if said else error,
                )
                await asyncio.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT)

    def _understood(self, error: Exception) -> str:
        """What went wrong; empty for what was not foreseen."""
        self.problem = ""
        match error:
            case MissingRight():
                rights = rule(GROUP, Materialization.PLURAL, ["list", "watch"])
                where = "in all namespaces" if self._namespace == ALL else f"in namespace {self._namespace!r}"
                self.problem = (
                    f"The gateway may not list and watch materializations {where}: "
                    f"grant its service account the rule {rights}"
                )
                return "Kubernetes API forbids the watch"
            case ApiRefused():
                return "Kubernetes API refuses the watch"
            case ApiAway():
                return "Kubernetes API is away"
            case _:
                return ""

    async def _list(self) -> str:
        found, version = await self._api.list(KIND, self._namespace)
        # One that is there and not understood is served as it was.
        known = {key for key in self._catalog.names() if self._namespace in (ALL, key[0])}
        for key in known - {(one["metadata"]["namespace"], one["metadata"]["name"]) for one in found}:
            self._catalog.forget(*key)
        for one in found:
            self._follow(one)
        return version

    async def _watch(self, version: str) -> None:
        async for change, one in self._api.watch(KIND, self._namespace, version):
            if change == "DELETED":
                self._catalog.forget(one["metadata"]["namespace"], one["metadata"]["name"])
            else:
                self._follow(one)

    def _follow(self, one: Object) -> None:
        try:
            pointer = Materialization.model_validate(one)
        except ValidationError as error:
            log.error("Materialization not understood", name=one["metadata"]["name"], error=str(error))
            return
        self._catalog.follow(pointer)
