"""Events, posted beside the reconciles so that none waits for them."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog

from penstock_operator.kubernetes.api import Api
from penstock_operator.kubernetes.kinds import PLACES
from penstock_operator.loop.event import event
from penstock_operator.loop.finalizing import LEFT_BEHIND
from penstock_operator.ports import Conflict, Object, Refused, Unreachable

WAITING = 10_000
WRITERS = 4
PAUSES = (1.0, 5.0, 15.0)
"""Seconds after each try: an event that the API has no time for may wait, but not for ever."""

log = structlog.get_logger(__name__)


class Recorder:
    """Posts events in the order in which they came; more than it can hold are dropped, and that is logged.

    A namespace that is going takes none: what stays behind is then told in the operator's own, about its Lease.
    """

    def __init__(self, api: Api, host: str, home: str, lease: str) -> None:
        """Post nothing yet.

        Args:
            api: takes the events.
            host: of this replica.
            home: the operator's own namespace.
            lease: the name of its Lease.
        """
        self._api, self._host, self._home, self._lease = api, host, home, lease
        self._waiting: asyncio.Queue[Object] = asyncio.Queue(WAITING)

    def record(self, obj: Object, severity: str, reason: str, message: str) -> None:
        """Take an event about an object."""
        try:
            self._waiting.put_nowait(event(obj, severity, reason, message, self._host))
        except asyncio.QueueFull:
            log.warning("Event dropped", kind=obj["kind"], name=obj["metadata"]["name"], reason=reason)

    async def run(self) -> None:
        """Post until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(WRITERS):
                tasks.create_task(self._write())

    async def _write(self) -> None:
        while True:
            posted = await self._waiting.get()
            try:
                await self._insist(posted)
            except Exception:
                # One event that cannot be posted must not be the last one.
                log.exception("Event lost", reason=posted["reason"])

    async def _insist(self, posted: Object) -> None:
        for pause in PAUSES:
            try:
                await self._post(posted)
            except (Unreachable, Conflict):
                # A conflict: it was there, and went before it could be counted.
                await asyncio.sleep(pause)
            except Refused as error:
                about = posted["involvedObject"]
                log.warning(
                    "Event refused",
                    kind=about["kind"],
                    namespace=about["namespace"],
                    name=about["name"],
                    reason=posted["reason"],
                    message=posted["message"],
                    error=str(error),
                )
                if posted["reason"] == LEFT_BEHIND and about["namespace"] != self._home:
                    await self._insist(await self._at_home(posted))
                return
            else:
                return
        log.warning("Event lost", reason=posted["reason"])

    async def _at_home(self, posted: Object) -> Object:
        """The same about the operator's Lease: an event is of the namespace of what it is about."""
        lease = None
        with suppress(Unreachable, Refused):
            lease = await self._api.get("Lease", self._home, self._lease)
        about = posted["involvedObject"]
        message = f"{about['kind']} {about['namespace']}/{about['name']}: {posted['message']}"
        meta = {"name": self._lease, "namespace": self._home, "uid": "", "resourceVersion": ""}
        if lease is not None:
            meta.update({field: lease["metadata"][field] for field in ("uid", "resourceVersion")})
        involved = {"apiVersion": PLACES["Lease"].api_version, "kind": "Lease", "metadata": meta}
        return event(involved, posted["type"], posted["reason"], message, self._host)

    async def _post(self, posted: Object) -> None:
        try:
            await self._api.create(posted)
        except Conflict:
            meta = posted["metadata"]
            known = await self._api.get("Event", meta["namespace"], meta["name"])
            count = (known or {}).get("count", 0) + 1
            await self._api.merge(posted, {"lastTimestamp": posted["lastTimestamp"], "count": count})
