"""kopf's part: it watches, and every event goes into the cache. Nothing is decided here."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from typing import Any

import kopf
import structlog
import uvloop

from penstock.api.meta import GROUP
from penstock.kubeapi.context import Context
from penstock_operator.kubernetes.cache import Cache
from penstock_operator.kubernetes.connection import for_kopf
from penstock_operator.kubernetes.kinds import PLACES
from penstock_operator.kubernetes.streams import Streams
from penstock_operator.ports import Object

SERVER_SECONDS = 30
"""A watch is ended by the server, which says a last bookmark before; kopf then goes on from where it was."""
QUIET_SECONDS, CLIENT_SECONDS = 35, 40
"""One that was silent, or stood, for longer is dead, whatever the line looks like: kopf ends it and goes on anew."""
LISTEN_SECONDS = 1.0
STOP_SECONDS = 1.0
"""How long kopf may take to end."""
RESTART_SECONDS = 2.0

log = structlog.get_logger(__name__)


class Watch:
    """Keeps a cache fed by kopf.

    kopf has a thread and an event loop of its own: it takes every task of its loop for one of its own when it ends,
    and in the main thread the signals of the process. When it ends unasked, or misses something, it is started again.
    """

    def __init__(self, context: Context, cache: Cache, namespaces: Collection[str]) -> None:
        """Watch the kinds of the cache in these namespaces; none for all."""
        self._context, self._cache, self._namespaces = context, cache, namespaces
        self._stop = threading.Event()
        self.heard: Counter[str] = Counter()
        """How many changes of each kind it has brought."""
        self.streams = Streams(cache.kinds)

    def again(self) -> None:
        """Start anew: list everything, then watch."""
        self._stop.set()

    async def run(self) -> None:
        """Watch until cancelled."""
        listening = asyncio.create_task(self._listen(), name="listen to the watches")
        try:
            while True:
                self._stop = threading.Event()
                try:
                    await self._once(self._stop)
                finally:
                    self._stop.set()
                log.warning("Watching again")
                await asyncio.sleep(RESTART_SECONDS)
        finally:
            listening.cancel()

    async def _listen(self) -> None:
        while True:
            self.streams.listen()
            await asyncio.sleep(LISTEN_SECONDS)

    def _see(self, change: str | None, obj: Object) -> None:
        self.heard[obj["kind"]] += 1
        if change == "DELETED":
            self._cache.remove(obj)
        else:
            self._cache.put(obj)

    async def _once(self, stop: threading.Event) -> None:
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()

        def see(change: str | None, obj: Object) -> None:
            loop.call_soon_threadsafe(self._see, change, obj)

        def end() -> None:
            if not ended.done():
                ended.set_result(None)

        def work() -> None:
            try:
                with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                    kopf.run(
                        loop=runner.get_loop(),
                        registry=registry(self._context, self._cache.kinds, see, self.streams),
                        settings=settings(clusterwide=not self._namespaces),
                        clusterwide=not self._namespaces,
                        namespaces=self._namespaces,
                        standalone=True,
                        stop_flag=stop,
                    )
            except Exception as error:  # noqa: BLE001 - whatever ended it, it is started again
                log.error("Watching ended", error=repr(error))
            with suppress(RuntimeError):  # our loop has ended first
                loop.call_soon_threadsafe(end)

        # A daemon: what hangs in there must not keep a process alive that has stopped.
        threading.Thread(target=work, name="kopf", daemon=True).start()
        try:
            await asyncio.shield(ended)
        finally:
            stop.set()
            await asyncio.wait([ended], timeout=STOP_SECONDS)


def registry(
    context: Context, kinds: Iterable[str], see: Callable[[str | None, Object], None], streams: Streams
) -> kopf.OperatorRegistry:
    """One handler a kind, and the credentials."""
    handlers = kopf.OperatorRegistry()

    @kopf.on.login(registry=handlers)
    async def login(**_: Any) -> kopf.AiohttpSession:
        return for_kopf(context, streams.follow)

    async def on_event(type: str | None, event: Any, **_: Any) -> None:
        see(type, {**event["object"], "metadata": {**event["object"]["metadata"]}})

    for kind in kinds:
        place = PLACES[kind]
        kopf.on.event(place.group, place.version, place.plural, id=f"see-{place.plural}", registry=handlers)(on_event)
    return handlers


def settings(clusterwide: bool) -> kopf.OperatorSettings:
    """Make kopf a watcher alone: no events, no annotations, no peering of its own."""
    chosen = kopf.OperatorSettings()
    chosen.posting.enabled = False
    chosen.persistence.finalizer = f"kopf.{GROUP}/finalizer"
    chosen.persistence.progress_storage, chosen.persistence.diffbase_storage = _NoProgress(), _NoDifferences()
    chosen.watching.server_timeout = SERVER_SECONDS
    chosen.watching.client_timeout = CLIENT_SECONDS
    chosen.watching.inactivity_timeout = QUIET_SECONDS
    chosen.watching.chunk_size = 500
    chosen.queueing.idle_timeout = 0.1
    # To see definitions that come and go needs rights on the whole cluster.
    chosen.scanning.disabled = not clusterwide
    chosen.networking.request_timeout = 30
    chosen.networking.connect_timeout = 5
    return chosen


class _NoDifferences(kopf.DiffBaseStorage):
    """kopf compares no versions of an object, which would take a copy of each."""

    def build(self, *, body: kopf.Body, extra_fields: Any = None) -> kopf.BodyEssence:
        return kopf.BodyEssence({})

    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:
        return None

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        """Nothing."""


class _NoProgress(kopf.ProgressStorage):
    """kopf keeps no progress of handlers anywhere."""

    def fetch(self, *, key: Any, body: kopf.Body) -> None:
        return None

    def store(self, *, key: Any, record: Any, body: kopf.Body, patch: kopf.Patch) -> None:
        """Nothing."""

    def purge(self, *, key: Any, body: kopf.Body, patch: kopf.Patch) -> None:
        """Nothing."""

    def touch(self, *, body: kopf.Body, patch: kopf.Patch, value: str | None) -> None:
        """Nothing."""

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        return essence
