"""Archives of code that no job names any more."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import structlog

from penstock_operator.loop.wire import entries, inner, texts
from penstock_operator.ports import Artifacts, Cluster, Object, Refused, Unreachable

PAUSE_SECONDS = 3600.0

log = structlog.get_logger(__name__)


class SourceSweeper:
    """Removes them, at most once an hour: jobs come and go, and an archive more or less for a day matters to nobody."""

    def __init__(self, cluster: Cluster, artifacts: Artifacts, uri: str, pause: float = PAUSE_SECONDS) -> None:
        self._cluster, self._artifacts, self._uri, self._pause = cluster, artifacts, uri, pause
        self._next = 0.0

    async def sweep(self) -> None:
        """Remove those that are old and unnamed; a store that does not answer is asked again another time."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + self._pause
        named: set[str] = set()
        for obj in await self._cluster.list("TrainingJob"):
            named.update(_named(obj))
        try:
            for uri in await self._artifacts.expired_sources(self._uri, named, datetime.now(UTC)):
                log.info("Source removed", uri=uri)
                await self._artifacts.delete(uri)
        except (Unreachable, Refused) as error:
            log.warning("Sources not swept", error=str(error))


def _named(job: Object) -> list[str]:
    if "deletionTimestamp" in job["metadata"]:
        return []
    revisions = (attempt.get("sourceRevision") for attempt in entries(job, "status", "attempts"))
    return texts(inner(job, "spec", "source", "archive", "digest"), *revisions)
