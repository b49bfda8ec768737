"""Pointers, as the Kubernetes API tells them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import httpx2
import structlog
from lightkube import ApiError, AsyncClient
from lightkube.generic_resource import create_namespaced_resource
from lightkube.resources.core_v1 import Secret
from pydantic import ValidationError

from penstock.api import GROUP, KINDS, VERSION
from penstock.api.materialization import Materialization
from penstock.gateway import metrics
from penstock.gateway.catalog import Catalog
from penstock.gateway.rbac import rule

RESYNC_SECONDS = 300.0
"""After this long the list is read again, so that a watch which died unseen cannot hide a switch for ever."""
FIRST_WAIT, LONGEST_WAIT = 0.5, 15.0
ALL = "*"

log = structlog.get_logger()

RESOURCES: dict[str, Any] = {
    name: create_namespaced_resource(GROUP, VERSION, name, kind.PLURAL) for name, kind in KINDS.items()
}
RESOURCES["Secret"] = Secret


class MissingRight(Exception):
    """The gateway's user may not read what it needs; the message says what to grant."""


class Kubernetes:
    """Reads resources."""

    def __init__(self, client: AsyncClient) -> None:
        self._client: Any = client

    async def get(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        """The object, or None where there is none.

        Raises:
            MissingRight: the gateway may not read it.
        """
        try:
            found = await self._client.get(RESOURCES[kind], name, namespace=namespace)
        except ApiError as error:
            if error.status.code == 404:
                return None
            if error.status.code == 403:
                plural, group = (KINDS[kind].PLURAL, GROUP) if kind in KINDS else (f"{kind.lower()}s", "")
                raise MissingRight(
                    f"the gateway may not get {kind} {name!r} in namespace {namespace!r}: "
                    f"grant its service account the rule {rule(group, plural, ['get'], name)}"
                ) from error
            raise
        return dict(found.to_dict())


class Watcher:
    """Keeps a catalog true; while the API is away the catalog stays as it is."""

    def __init__(self, client: AsyncClient, catalog: Catalog, namespaces: Sequence[str] = ()) -> None:
        self._catalog = catalog
        self._followers = [_Follower(client, catalog, namespace, self._tell) for namespace in namespaces or (ALL,)]

    async def run(self) -> None:
        """Follow until cancelled."""
        await asyncio.gather(*(follower.run() for follower in self._followers))

    def _tell(self) -> None:
        metrics.API_CONNECTED.set(all(follower.connected for follower in self._followers))
        self._catalog.synced = all(follower.synced for follower in self._followers)
        self._catalog.problem = "; ".join(follower.problem for follower in self._followers if follower.problem)


class _Follower:
    """Follows one namespace, or all of them."""

    def __init__(self, client: AsyncClient, catalog: Catalog, namespace: str, tell: Callable[[], None]) -> None:
        self._client: Any = client
        self._catalog = catalog
        self._namespace = namespace
        self._tell = tell
        self.synced = self.connected = False
        self.problem = ""

    async def run(self) -> None:
        wait = FIRST_WAIT
        while True:
            try:
                version = await self._list()
                self.synced, self.connected, self.problem = True, True, ""
                self._tell()
                wait = FIRST_WAIT
                async with asyncio.timeout(RESYNC_SECONDS):
                    await self._watch(version)
            except TimeoutError:
                continue
            except Exception as error:
                said = self._understood(error)
                self.connected = False
                self._tell()
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
        if isinstance(error, ApiError) and error.status.code == 403:
            rights = rule(GROUP, Materialization.PLURAL, ["list", "watch"])
            where = "in all namespaces" if self._namespace == ALL else f"in namespace {self._namespace!r}"
            self.problem = (
                f"The gateway may not list and watch materializations {where}: "
                f"grant its service account the rule {rights}"
            )
            return "Kubernetes API forbids the watch"
        if isinstance(error, ApiError):
            return "Kubernetes API refuses the watch"
        return "Kubernetes API is away" if isinstance(error, httpx2.HTTPError | OSError) else ""

    async def _list(self) -> str:
        listed = self._client.list(RESOURCES["Materialization"], namespace=self._namespace)
        found = [one async for one in listed]
        # One that is there and not understood is served as it was.
        known = {key for key in self._catalog.names() if self._namespace in (ALL, key[0])}
        for key in known - {(one.metadata.namespace, one.metadata.name) for one in found}:
            self._catalog.forget(*key)
        for one in found:
            if (pointer := self._parsed(one)) is not None:
                self._catalog.follow(pointer)
        return str(listed.resourceVersion)

    async def _watch(self, version: str) -> None:
        events = self._client.watch(RESOURCES["Materialization"], namespace=self._namespace, resource_version=version)
        async for change, one in events:
            if change == "DELETED":
                self._catalog.forget(one.metadata.namespace, one.metadata.name)
            elif (pointer := self._parsed(one)) is not None:
                self._catalog.follow(pointer)

    def _parsed(self, one: Any) -> Materialization | None:
        try:
            return Materialization.model_validate(one.to_dict())
        except ValidationError as error:
            log.error("Materialization not understood", name=one.metadata.name, error=str(error))
            return None
