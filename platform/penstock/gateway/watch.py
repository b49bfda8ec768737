"""Pointers, as the Kubernetes API tells them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Any

import httpx2
import structlog
from pydantic import ValidationError

from penstock.api import API_VERSION, GROUP, KINDS
from penstock.api.materialization import Materialization
from penstock.gateway import metrics
from penstock.gateway.catalog import Catalog
from penstock.gateway.rbac import rule
from penstock.kubeapi.errors import Refusal
from penstock.kubeapi.http import KubeApi

RESYNC_SECONDS = 300.0
"""After this long the list is read again, so that a watch which died unseen cannot hide a switch for ever."""
FIRST_WAIT, LONGEST_WAIT = 0.5, 15.0
ALL = "*"

log = structlog.get_logger()

PLURALS = {"Secret": "secrets", **{name: kind.PLURAL for name, kind in KINDS.items()}}


class MissingRight(Exception):
    """The gateway's user may not read what it needs; the message says what to grant."""


class Kubernetes:
    """Reads resources."""

    def __init__(self, api: KubeApi) -> None:
        self._api = api

    async def get(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        """The object, or None where there is none.

        Raises:
            MissingRight: the gateway may not read it.
        """
        try:
            return await self._api.document("GET", _path(kind, namespace, name))
        except Refusal as error:
            if error.code == 404:
                return None
            if error.code == 403:
                plural, group = PLURALS[kind], GROUP if kind in KINDS else ""
                raise MissingRight(
                    f"the gateway may not get {kind} {name!r} in namespace {namespace!r}: "
                    f"grant its service account the rule {rule(group, plural, ['get'], name)}"
                ) from error
            raise


class Watcher:
    """Keeps a catalog true; while the API is away the catalog stays as it is."""

    def __init__(self, api: KubeApi, catalog: Catalog, namespaces: Sequence[str] = ()) -> None:
        self._catalog = catalog
        self._followers = [_Follower(api, catalog, namespace, self._tell) for namespace in namespaces or (ALL,)]

    async def run(self) -> None:
        """Follow until cancelled."""
        await asyncio.gather(*(follower.run() for follower in self._followers))

    def _tell(self) -> None:
        metrics.API_CONNECTED.set(all(follower.connected for follower in self._followers))
        self._catalog.synced = all(follower.synced for follower in self._followers)
        self._catalog.problem = "; ".join(follower.problem for follower in self._followers if follower.problem)


class _Follower:
    """Follows one namespace, or all of them."""

    def __init__(self, api: KubeApi, catalog: Catalog, namespace: str, tell: Callable[[], None]) -> None:
        self._api = api
        self._catalog = catalog
        self._namespace = namespace
        self._path = _path("Materialization", namespace)
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
        if isinstance(error, Refusal) and error.code == 403:
            rights = rule(GROUP, Materialization.PLURAL, ["list", "watch"])
            where = "in all namespaces" if self._namespace == ALL else f"in namespace {self._namespace!r}"
            self.problem = (
                f"The gateway may not list and watch materializations {where}: "
                f"grant its service account the rule {rights}"
            )
            return "Kubernetes API forbids the watch"
        if isinstance(error, Refusal):
            return "Kubernetes API refuses the watch"
        return "Kubernetes API is away" if isinstance(error, httpx2.HTTPError | OSError) else ""

    async def _list(self) -> str:
        listed = await self._api.document("GET", self._path)
        # One that is there and not understood is served as it was.
        known = {key for key in self._catalog.names() if self._namespace in (ALL, key[0])}
        for key in known - {_key(one) for one in listed["items"]}:
            self._catalog.forget(*key)
        for one in listed["items"]:
            self._follow(one)
        return str(listed["metadata"]["resourceVersion"])

    async def _watch(self, version: str) -> None:
        async with aclosing(self._api.changes(self._path, {"resourceVersion": version})) as changes:
            async for change, one in changes:
                if change == "DELETED":
                    self._catalog.forget(*_key(one))
                else:
                    self._follow(one)

    def _follow(self, one: dict[str, Any]) -> None:
        try:
            self._catalog.follow(Materialization.model_validate(one))
        except ValidationError as error:
            log.error("Materialization not understood", name=one["metadata"]["name"], error=str(error))


def _path(kind: str, namespace: str, *name: str) -> str:
    root = f"/apis/{API_VERSION}" if kind in KINDS else "/api/v1"
    within = f"/namespaces/{namespace}" if namespace != ALL else ""
    return "/".join([f"{root}{within}/{PLURALS[kind]}", *name])


def _key(one: dict[str, Any]) -> tuple[str, str]:
    return one["metadata"]["namespace"], one["metadata"]["name"]
