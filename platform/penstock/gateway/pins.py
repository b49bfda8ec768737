"""The kept runs of a Materialization, looked up when somebody asks for one: no gateway watches them all."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol

import structlog
from pydantic import ValidationError

from penstock.api.meta import ObjectMeta
from penstock.api.stagedrun import MATERIALIZATION_LABEL, StagedRun
from penstock.gateway.errors import Unavailable
from penstock.gateway.keptrun import KeptRun, staged
from penstock.gateway.kubernetes import Kubernetes, KubernetesError
from penstock.gateway.once import Once

FOUND_SECONDS, MISSING_SECONDS = 30.0, 5.0
"""How old a list may be that has the run, and one that has it not: so often at most is the API asked, whatever runs
callers name."""
AWAY_SECONDS = 1.0
"""After a list that failed, so long none is tried."""
MOST = 256
"""Runs that are remembered of one Materialization, far more than it keeps."""

log = structlog.get_logger()


class StagedRuns(Protocol):
    """Lists StagedRuns."""

    async def of(self, namespace: str, materialization: str) -> Sequence[StagedRun]:
        """Those of a Materialization.

        Raises:
            KubernetesError: the API does not list them.
        """


class KubernetesStagedRuns:
    """StagedRuns as the API has them."""

    def __init__(self, api: Kubernetes) -> None:
        self._api = api

    async def of(self, namespace: str, materialization: str) -> Sequence[StagedRun]:
        """Those of a Materialization; see `StagedRuns`."""
        found, _ = await self._api.list("StagedRun", namespace, {MATERIALIZATION_LABEL: materialization})
        runs = []
        for one in found:
            try:
                runs.append(StagedRun.model_validate(one))
            except ValidationError as error:
                log.error("StagedRun not understood", name=one["metadata"]["name"], error=str(error))
        return runs


class Pins:
    """What one Materialization keeps, from a list that is seldom read again."""

    def __init__(self, runs: StagedRuns, owner: ObjectMeta, clock: Callable[[], float] = time.monotonic) -> None:
        self._runs, self._owner, self._clock = runs, owner, clock
        self._kept: dict[str, KeptRun] = {}
        self._listed_at = self._quiet_until = float("-inf")
        self._problem = ""
        self._listing: Once[str, None] = Once()

    def note(self, kept: KeptRun) -> None:
        """Know of a run that was served until now; the next list has the last word."""
        self._kept.pop(kept.run, None)
        self._kept[kept.run] = kept
        while len(self._kept) > MOST:
            del self._kept[next(iter(self._kept))]

    def doubt(self) -> None:
        """Believe the list no longer than one that misses a run."""
        self._listed_at = min(self._listed_at, self._clock() - FOUND_SECONDS)

    def runs(self) -> dict[str, KeptRun]:
        """The runs of the last list whose data is there still."""
        now = datetime.now(UTC)
        return {run: kept for run, kept in self._kept.items() if kept.stands(now)}

    async def find(self, run: str) -> KeptRun | None:
        """The run, if it is kept.

        Raises:
            Unavailable: it is not known here, and the API does not say whether it is kept.
        """
        for seconds in (FOUND_SECONDS, MISSING_SECONDS):
            await self.refresh(seconds)
            if (found := self.runs().get(run)) is not None:
                return found
        if self._problem:
            raise Unavailable(f"It cannot be found out whether run {run!r} is kept: {self._problem}", run)
        return None

    async def refresh(self, seconds: float = MISSING_SECONDS) -> bool:
        """Read the list again if it is so old; whether what is listed is not older.

        While the API is away, what was listed stays.
        """
        now = self._clock()
        if now - self._listed_at >= seconds and now >= self._quiet_until:
            await self._listing.run("", self._list)
        return self._clock() - self._listed_at < seconds

    def cancel(self) -> None:
        """End what runs."""
        self._listing.cancel()

    async def _list(self) -> None:
        asked_at = self._clock()
        try:
            found = await self._runs.of(self._owner.namespace, self._owner.name)
        except KubernetesError as error:
            self._problem = str(error)
            self._quiet_until = self._clock() + AWAY_SECONDS
            return
        # What stays goes before what is being deleted, and the newer before the older.
        found = sorted(found, key=_standing)
        self._kept = {}
        for one in found:
            if (kept := staged(one, self._owner.uid)) is not None:
                self.note(kept)
        self._listed_at, self._problem = asked_at, ""


def _standing(run: StagedRun) -> tuple[bool, str]:
    return run.metadata.deletion_timestamp is None, str(run.metadata.creation_timestamp)
