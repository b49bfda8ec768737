"""Tells the operator, by a Lease of this replica's own, that it lives and which runs it does not serve."""

from __future__ import annotations

import asyncio
import os
import re
import socket
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from penstock.gateway.catalog import Catalog
from penstock.gateway.kubernetes import Kubernetes, KubernetesError, MissingRight
from penstock.heartbeat import EVERY_SECONDS, PREFIX, Heartbeat, to_lease

LEAST_SECONDS = 1.0
"""Between two writes, however much happens."""
SETTLE_SECONDS = 0.2
"""After a change: what is loaded in less is never told to be behind."""
EVERY = timedelta(seconds=EVERY_SECONDS - LEAST_SECONDS)
CALL_SECONDS = 5.0
NAME_LENGTH = 200

log = structlog.get_logger()


class Replica:
    """Writes the Lease when there is news, and every few seconds; the operator concludes from silence too."""

    def __init__(
        self,
        api: Kubernetes,
        catalog: Catalog,
        name: str,
        namespaces: Sequence[str] = (),
        owner: dict[str, Any] | None = None,
    ) -> None:
        self._api, self._catalog, self._name = api, catalog, name
        self._namespaces, self._owner = namespaces, owner
        self._last: Heartbeat | None = None

    async def run(self) -> None:
        """Tell until cancelled; then the Lease is deleted."""
        try:
            while True:
                self._catalog.changed.clear()
                await self._beat()
                await asyncio.sleep(LEAST_SECONDS)
                try:
                    async with asyncio.timeout(EVERY_SECONDS - LEAST_SECONDS):
                        await self._catalog.changed.wait()
                except TimeoutError:
                    continue
                await asyncio.sleep(SETTLE_SECONDS)
        finally:
            await self._end()

    async def _beat(self) -> None:
        """Write, unless the same was said a moment ago."""
        catalog, now = self._catalog, datetime.now(UTC)
        beat = Heartbeat(
            replica=self._name,
            renewed_at=now,
            seen=catalog.seen if catalog.connected else None,
            behind=catalog.behind(),
            namespaces=self._namespaces,
        )
        last = self._last
        if last is not None and last._replace(renewed_at=now) == beat and now - last.renewed_at < EVERY:
            return
        try:
            async with asyncio.timeout(CALL_SECONDS):
                await self._api.put(to_lease(beat, self._api.namespace, self._owner))
            self._last, problem = beat, ""
        except MissingRight as error:
            problem = f"The operator cannot be told what is served: {error}"
        except (KubernetesError, TimeoutError) as error:
            log.warning("Heartbeat not written", error=str(error) or "no answer in time")
            return
        if problem and problem != catalog.unheard:
            log.error("Heartbeat forbidden", error=problem)
        catalog.unheard = problem

    async def _end(self) -> None:
        try:
            async with asyncio.timeout(CALL_SECONDS):
                await self._api.delete("Lease", self._api.namespace, f"{PREFIX}{self._name}")
        except (KubernetesError, TimeoutError) as error:
            log.warning("Heartbeat not ended", error=str(error) or "no answer in time")


def replica_name(env: Mapping[str, str], port: int) -> str:
    """The pod's name, or what tells this process from others that run beside it."""
    name = env.get("POD_NAME") or f"{socket.gethostname()}-{port}"
    return re.sub(r"[^a-z0-9.-]+", "-", name.lower()).strip("-.")[:NAME_LENGTH].rstrip("-.")


def pod(env: Mapping[str, str] = os.environ) -> dict[str, Any] | None:
    """A reference to the pod that this runs in, as an owner; None outside of one."""
    name, uid = env.get("POD_NAME"), env.get("POD_UID")
    return {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": uid} if name and uid else None
