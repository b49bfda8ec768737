"""The part of the client that decides which run is served."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from penstock.api import Materialization, StagedRun, TrainingRun
from penstock.api.materialization import Promotion
from penstock.api.stagedrun import MATERIALIZATION_LABEL, StagingState
from penstock.api.trainingrun import JOB_LABEL
from penstock.client.errors import NotPossible
from penstock.client.reading import Reading
from penstock.client.writing import Writing


class Promoting:
    """promote and rollback: each is one write of `spec.pinnedRunRef`; and the runs that there are to choose from."""

    def __init__(self, reading: Reading, writing: Writing) -> None:
        self._reading, self._writing = reading, writing

    async def runs(self, job: str, *, namespace: str | None = None) -> list[TrainingRun]:
        """What a TrainingJob has trained, and kept; the newest last.

        Examples:
            >>> newest = (await client.runs("digits"))[-1]  # doctest: +SKIP
            >>> {metric.name: float(metric.value) for metric in newest.spec.metrics}  # doctest: +SKIP
            {'accuracy': 0.9778, 'loss': 2.635}
        """
        found = await self._reading.list(TrainingRun, labels={JOB_LABEL: job}, namespace=namespace)
        return sorted(found, key=lambda run: (run.spec.created_at, run.metadata.name))

    async def staged_runs(self, materialization: str, *, namespace: str | None = None) -> list[StagedRun]:
        """What a Materialization is staging, or has staged and kept; those of the newest runs last.

        Examples:
            >>> [(one.spec.training_run_ref.name, one.status.state) for one in
            ...     await client.staged_runs("digits")]  # doctest: +SKIP
            [('3f2a9c41-1', 'Staged'), ('3f2a9c41-2', 'Refused')]
        """
        found = await self._reading.list(
            StagedRun, labels={MATERIALIZATION_LABEL: materialization}, namespace=namespace
        )
        return sorted(found, key=lambda one: (one.spec.trained_at, one.metadata.name))

    async def promotable(self, mat: Materialization) -> list[str]:
        """The runs that a Materialization can serve at once, the newest last.

        Examples:
            >>> await client.promotable(await client.get(Materialization, "digits"))  # doctest: +SKIP
            ['3f2a9c41-1', '3f2a9c41-2']
        """
        return _runs(one for one in await self._stagings(mat) if _kept(one))

    async def _stagings(self, mat: Materialization) -> list[StagedRun]:
        """Of this Materialization, and not of one before it that had its name."""
        meta = mat.metadata
        found = await self.staged_runs(meta.name, namespace=meta.namespace)
        return [one for one in found if one.spec.materialization_ref.uid == meta.uid]

    async def promote(self, name: str, run: str | None = None, *, namespace: str | None = None) -> Materialization:
        """Let a Materialization serve a run; it does not wait until it does (`wait_served`).

        Args:
            name: of the Materialization.
            run: pin this run, which is staged first where it is not. Unset, the newest staged run is served: where
                promotion is `Automatic` any pin is removed, so that newer runs are served again as they come; where it
                is `Manual` the run is pinned.
            namespace: of the Materialization.

        Raises:
            NotFound: there is no such Materialization.
            NotPossible: the run is not there or was refused; where none is named, none is staged.

        Examples:
            >>> mat = await client.promote("digits")  # doctest: +SKIP
            >>> await client.wait_served("digits", mat.status.latest.run)  # doctest: +SKIP
        """

        async def decide(mat: Materialization) -> dict[str, Any]:
            stagings = await self._stagings(mat)
            trained = await self.runs(mat.spec.training_job_ref.name, namespace=mat.metadata.namespace) if run else ()
            return _pin(chosen(mat, stagings, trained, run))

        return await self._writing.decide(Materialization, name, decide, namespace)

    async def rollback(self, name: str, run: str | None = None, *, namespace: str | None = None) -> Materialization:
        """Serve the previous run, or another that is staged, and stay with it until `promote`.

        Raises:
            NotFound: there is no such Materialization.
            NotPossible: there is no previous run, or the run is not staged any more.

        Examples:
            >>> (await client.rollback("digits")).spec.pinned_run_ref.name  # doctest: +SKIP
            '3f2a9c41-1'
        """

        async def decide(mat: Materialization) -> dict[str, Any]:
            return _pin(previous(mat, await self.promotable(mat), run))

        return await self._writing.decide(Materialization, name, decide, namespace)


def chosen(
    mat: Materialization, stagings: Sequence[StagedRun], trained: Sequence[TrainingRun], run: str | None
) -> str | None:
    """The run to pin for a promotion; None to pin none.

    Args:
        mat: the Materialization.
        stagings: of it, those of the newest runs last.
        trained: the runs of its job, where one is asked for.
        run: the one that is asked for.

    Raises:
        NotPossible: the run is not there or was refused; where none is asked for, none is staged.
    """
    staged = _runs(one for one in stagings if _kept(one))
    if run is not None:
        if run in staged:
            return run
        return _to_be_staged(mat, stagings, trained, run)
    if mat.spec.promotion is Promotion.AUTOMATIC and (staged or mat.spec.pinned_run is not None):
        return None
    if not staged:
        raise NotPossible(f"{_name(mat)} has no staged run to promote: look at its condition Staged")
    return staged[-1]


def _to_be_staged(mat: Materialization, stagings: Sequence[StagedRun], trained: Sequence[TrainingRun], run: str) -> str:
    """A run that is not staged: a pin lets it be."""
    refused = [
        one for one in stagings if one.spec.training_run_ref.name == run and one.status.state is StagingState.REFUSED
    ]
    if refused:
        name = refused[-1].metadata.name
        raise NotPossible(
            f"Run {run!r} was refused by {_name(mat)}: stagedrun/{name} says why; delete that to have it staged again"
        )
    known = [one.metadata.name for one in trained if one.metadata.deletion_timestamp is None]
    if run not in known:
        job = mat.spec.training_job_ref.name
        raise NotPossible(f"Job {job!r} has no run {run!r}: name one that it has ({_listed(known)})")
    return run


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
        if run not in staged:
            raise NotPossible(f"Run {run!r} of {_name(mat)} is not staged: name one that is ({_listed(staged)})")
        return run
    before = mat.status.previous
    if before is None:
        raise NotPossible(f"{_name(mat)} has no previous run to go back to: name a staged one with `run`")
    if before.run not in staged:
        raise NotPossible(
            f"{_name(mat)} cannot go back to run {before.run!r}: its StagedRun {before.staged_run_ref.name!r} is gone "
            f"or no longer Ready. Name one that is staged ({_listed(staged)})"
        )
    return before.run


def _kept(staged: StagedRun) -> bool:
    """Whether it can be served at once."""
    return staged.status.state is StagingState.STAGED and staged.metadata.deletion_timestamp is None


def _runs(stagings: Iterable[StagedRun]) -> list[str]:
    return list(dict.fromkeys(one.spec.training_run_ref.name for one in stagings))


def _listed(staged: Sequence[str]) -> str:
    return ", ".join(staged) or "none"


def _pin(run: str | None) -> dict[str, Any]:
    return {"pinnedRunRef": {"name": run} if run is not None else None}


def _name(mat: Materialization) -> str:
    return f"materialization/{mat.metadata.name}"
