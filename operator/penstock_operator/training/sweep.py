"""Archives of code that no job names any more."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import structlog

from penstock.api.trainingjob import TrainingJob
from penstock_operator.ports import Artifacts, Cluster, Refused, Unreachable

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
            named |= _named(obj)
        try:
            for uri in await self._artifacts.expired_sources(self._uri, named, datetime.now(UTC)):
                log.info("Source removed", uri=uri)
                await self._artifacts.delete(uri)
        except (Unreachable, Refused) as error:
            log.warning("Sources not swept", error=str(error))


def _named(obj: dict[str, object]) -> set[str]:
    job = TrainingJob.model_validate(obj)
    if job.metadata.deletion_timestamp is not None:
        return set()
    named = {attempt.source_revision for attempt in job.status.attempts}
    if job.spec.source.archive is not None:
        named.add(job.spec.source.archive.digest)
    return {digest for digest in named if digest is not None}
