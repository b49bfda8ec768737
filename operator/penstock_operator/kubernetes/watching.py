"""kopf's part: it watches, and every event goes into the cache. Nothing is decided here."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any

import kopf
from lightkube.config.kubeconfig import SingleConfig

from penstock.api.meta import GROUP
from penstock_operator.kubernetes.cache import Cache
from penstock_operator.kubernetes.kinds import PLACES
from penstock_operator.ports import Object

SERVER_SECONDS, CLIENT_SECONDS = 290, 300
"""A watch is ended by the server, and by us where the server does not; kopf then goes on from where it was."""
STOP_SECONDS = 3.0
SILENT_SECONDS = 90
"""The API sends a bookmark every minute: a watch that is silent for longer is dead."""


async def watch(config: SingleConfig, cache: Cache, namespaces: Collection[str]) -> None:
    """Keep the cache fed until cancelled.

    kopf has a thread and an event loop of its own: it takes every task of its loop for one of its own when it ends,
    and in the main thread the signals of the process.

    Args:
        config: the cluster.
        cache: takes what is seen.
        namespaces: to watch; none for all.
    """
    ours, stop = asyncio.get_running_loop(), threading.Event()

    def see(change: str | None, obj: Object) -> None:
        ours.call_soon_threadsafe(cache.remove if change == "DELETED" else cache.put, obj)

    def run() -> None:
        kopf.run(
            registry=registry(config, cache.kinds, see),
            settings=settings(clusterwide=not namespaces),
            clusterwide=not namespaces,
            namespaces=namespaces,
            standalone=True,
            stop_flag=stop,
        )

    watching = asyncio.ensure_future(asyncio.to_thread(run))
    try:
        await asyncio.shield(watching)
    finally:
        stop.set()
        await asyncio.wait([watching], timeout=STOP_SECONDS)


def registry(
    config: SingleConfig, kinds: Iterable[str], see: Callable[[str | None, Object], None]
) -> kopf.OperatorRegistry:
    """One handler a kind, and the credentials."""
    handlers = kopf.OperatorRegistry()

    @kopf.on.login(registry=handlers)
    async def login(**_: Any) -> kopf.ConnectionInfo:
        return credentials(config)

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
    chosen.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=f"kopf.{GROUP}")
    chosen.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix=f"kopf.{GROUP}")
    chosen.watching.server_timeout = SERVER_SECONDS
    chosen.watching.client_timeout = CLIENT_SECONDS
    chosen.watching.inactivity_timeout = SILENT_SECONDS
    chosen.watching.chunk_size = 500
    chosen.queueing.idle_timeout = 0.1
    # To see definitions that come and go needs rights on the whole cluster.
    chosen.scanning.disabled = not clusterwide
    chosen.networking.request_timeout = 30
    chosen.networking.connect_timeout = 5
    return chosen


def credentials(config: SingleConfig) -> kopf.ConnectionInfo:
    """What lightkube found, in kopf's words; read again by kopf when the API refuses it."""
    cluster, user = config.cluster, config.user
    token = user.token if user else None
    if user is not None and user.token_file is not None:
        token = Path(user.token_file).read_text().strip()
    return kopf.ConnectionInfo(
        server=cluster.server,
        ca_path=str(config.abs_file(cluster.certificate_auth)) if cluster.certificate_auth else None,
        ca_data=cluster.certificate_auth_data,
        insecure=cluster.insecure,
        username=user.username if user else None,
        password=user.password if user else None,
        token=token,
        certificate_path=str(config.abs_file(user.client_cert)) if user and user.client_cert else None,
        certificate_data=user.client_cert_data if user else None,
        private_key_path=str(config.abs_file(user.client_key)) if user and user.client_key else None,
        private_key_data=user.client_key_data if user else None,
        expiration=None,
    )
