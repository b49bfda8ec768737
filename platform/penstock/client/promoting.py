"""The part of the client that decides which run is served."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from penstock.api import Materialization, StagedRun, TrainingRun
from penstock.api.materialization import Promotion
from penstock.api.stagedrun import MATERIALIZATION_LABEL
from penstock.api.trainingrun import JOB_LABEL
from penstock.client import ends
from penstock.client.errors import NotPossible
from penstock.client.writing import Writing

NEVER = datetime.min.replace(tzinfo=UTC)
READY = ends.parse("Ready")


class Promoting(Writing):
    """promote and rollback: each is one write of `spec.pinnedRunRef`; and the runs that there are to choose from."""

    async def runs(self, job: str, *, namespace: str | None = None) -> builtins.list[TrainingRun]:
        """What a TrainingJob has trained, and kept; the newest last.

        Examples:
            >>> newest = (await client.runs("digits"))[-1]  # doctest: +SKIP
            >>> {metric.name: float(metric.value) for metric in newest.spec.metrics}  # doctest: +SKIP
            {'accuracy': 0.9778, 'loss': 2.635}
        """
        found = await self.list(TrainingRun, labels={JOB_LABEL: job}, namespace=namespace)
        return sorted(found, key=lambda run: (run.spec.created_at, run.metadata.name))

    async def staged_runs(self, materialization: str, *, namespace: str | None = None) -> builtins.list[StagedRun]:
        """What a Materialization is staging, or has staged and kept; the newest last.

        Examples:
            >>> [(one.spec.training_run_ref.name, one.status.state) for one in
            ...     await client.staged_runs("digits")]  # doctest: +SKIP
            [('3f2a9c41-1', 'Staged'), ('3f2a9c41-2', 'Refused')]
        """
        found = await self.list(StagedRun, labels={MATERIALIZATION_LABEL: materialization}, namespace=namespace)
        return sorted(found, key=lambda one: (one.metadata.creation_timestamp or NEVER, one.metadata.name))

    async def promotable(self, mat: Materialization) -> builtins.list[str]:
        """The runs that a Materialization can serve at once, the newest last.

        Examples:
            >>> await client.promotable(await client.get(Materialization, "digits"))  # doctest: +SKIP
            ['3f2a9c41-1', '3f2a9c41-2']
        """
        meta = mat.metadata
        ready = {
            one.spec.training_run_ref.name
            for one in await self.staged_runs(meta.name, namespace=meta.namespace)
            if one.spec.materialization_ref.uid == meta.uid and ends.met(one, READY)
        }
        # By when they were trained: an older run that was staged once more is not the newest by that.
        trained = [
            run.metadata.name for run in await self.runs(mat.spec.training_job_ref.name, namespace=meta.namespace)
        ]
        return [*sorted(ready.difference(trained)), *(run for run in trained if run in ready)]

    async def promote(self, name: str, run: str | None = None, *, namespace: str | None = None) -> Materialization:
        """Let a Materialization serve a run; it does not wait until it does (`wait_served`).

        Args:
            name: of the Materialization.
            run: pin this run. Unset, the newest staged run is served: where promotion is `Automatic` any pin is
                removed, so that newer runs are served again as they come; where it is `Manual` the run is pinned.
            namespace: of the Materialization.

        Raises:
            NotFound: there is no such Materialization.
            NotPossible: the run is not staged, or none is.

        Examples:
            >>> mat = await client.promote("digits")  # doctest: +SKIP
            >>> await client.wait_served("digits", mat.status.latest.run)  # doctest: +SKIP
        """

        async def decide(mat: Materialization) -> dict[str, Any]:
            return _pin(chosen(mat, await self.promotable(mat), run))

        return await self._decide(Materialization, name, decide, namespace)

    async def rollback(self, name: str, run: str | None = None, *, namespace: str | None = None) -> Materialization:
        """Serve the previous run, or another that is staged, and stay with it until `promote`.

        Raises:
            NotFound: there is no such Materialization.
            NotPossible: there is no previous run, or the run is not staged any more.

        Examples:
            >>> (await client.rollback("digits")).spec.pinned_run  # doctest: +SKIP
            '3f2a9c41-1'
        """

        async def decide(mat: Materialization) -> dict[str, Any]:
            return _pin(previous(mat, await self.promotable(mat), run))

        return await self._decide(Materialization, name, decide, namespace)


def chosen(mat: Materialization, staged: Sequence[str], run: str | None) -> str | None:
    """The run to pin for a promotion; None to pin none.

    Args:
        mat: the Materialization.
        staged: the runs that it has staged, the newest last.
        run: the one that is asked for.

    Raises:
        NotPossible: the run is not staged, or none is.
    """
    if run is not None:
        return _among(mat, staged, run)
    if mat.spec.promotion is Promotion.AUTOMATIC and (staged or mat.spec.pinned_run is not None):
        return None
    if not staged:
        raise NotPossible(f"{_name(mat)} has no staged run to promote: look at its condition Staged")
    return staged[-1]


def previous(mat: Materialization, staged: Sequence[str], run: str | None) -> str:
    """The run to go back to.

    Args:
        mat: the Materialization.
        staged: the runs that it has staged, the newest last.
        run: the one that is asked for; None for the one that was served before.

    Raises:
        NotPossible: there is no previous run, or the run is not staged any more.
    """
    if run is not None:
        return _among(mat, staged, run)
    before = mat.status.previous
    if before is None:
        raise NotPossible(f"{_name(mat)} has no previous run to go back to: name a staged one with `run`")
    if before.run not in staged:
        raise NotPossible(
            f"{_name(mat)} cannot go back to run {before.run!r}: its StagedRun {before.staged_run_ref.name!r} is gone "
            f"or no longer Ready. Name one that is staged ({_listed(staged)})"
        )
    return before.run


def _among(mat: Materialization, staged: Sequence[str], run: str) -> str:
    if run not in staged:
        raise NotPossible(f"Run {run!r} of {_name(mat)} is not staged: name one that is ({_listed(staged)})")
    return run


def _listed(staged: Sequence[str]) -> str:
    return ", ".join(staged) or "none"


def _pin(run: str | None) -> dict[str, Any]:
    return {"pinnedRunRef": {"name": run} if run is not None else None}


def _name(mat: Materialization) -> str:
    return f"materialization/{mat.metadata.name}"
