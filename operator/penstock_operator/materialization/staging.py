"""Which run to stage, and how far it is. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from penstock.api.materialization import StagedReason
from penstock.api.stagedrun import StagedRun, StagingState
from penstock.api.trainingrun import TrainingRun
from penstock_operator.loop.conditions import Truth, find
from penstock_operator.materialization.build import staged_run
from penstock_operator.materialization.observed import Action, Create, Delete
from penstock_operator.materialization.passes import Pass, going, name_of
from penstock_operator.materialization.targets import changed

WAITS = {
    str(reason): reason
    for reason in (StagedReason.BACKING_OFF, StagedReason.STORE_NOT_READY, StagedReason.RAY_UNREACHABLE)
}
REFUSALS = {
    str(reason): reason
    for reason in (
        StagedReason.GATE_FAILED,
        StagedReason.INVALID_OUTPUT,
        StagedReason.DEADLINE_EXCEEDED,
        StagedReason.INVALID_SPEC,
        StagedReason.STAGING_FAILED,
    )
}
ENDED = (StagingState.STAGED, StagingState.REFUSED, StagingState.LOST)


@dataclass(frozen=True)
class Step:
    """What staging came to in this pass."""

    truth: Truth
    reason: StagedReason
    message: str
    actions: Sequence[Action] = ()


def stage(this: Pass) -> Step:
    """Begin the next staging, or say how far it is; `this.status` is updated in place."""
    if this.spec.suspend:
        return Step("Unknown", StagedReason.SUSPENDED, "Suspended by spec.suspend")
    if this.digest is None:
        return Step("False", StagedReason.MISSING_REFERENCE, this.seen.missing)
    if this.seen.conflict:
        return Step("False", StagedReason.CONFLICT, f"{this.seen.conflict}: nothing is staged")
    if (superseded := _superseded(this, this.digest)) is not None:
        return superseded
    run, newest = _wanted(this), _newest(this)
    if run is None:
        job = this.spec.training_job_ref.name
        return Step("Unknown", StagedReason.WAITING_FOR_RUN, f"TrainingJob {job!r} has no successful run yet")
    staged = _of(this, run)
    if staged is not None:
        if this.is_mended(staged):
            message = f"Run {run.metadata.name} is staged again, for spec.ray changed"
            return Step("Unknown", StagedReason.STAGING, message, [Delete(staged.metadata.name, staged.metadata.uid)])
        this.status.latest = name_of(staged) if run is newest else this.status.latest
        return _progress(staged)
    return _begin(this, run, this.digest)


def _wanted(this: Pass) -> TrainingRun | None:
    """The run to be staged: the pinned one, what is served and has lost its data, the newest one."""
    by_name = {run.metadata.name: run for run in this.trained}
    pinned = this.spec.pinned_run_ref
    if pinned is not None and pinned.name in by_name and not _has(this, pinned.name):
        return by_name[pinned.name]
    active = this.status.active
    if this.lost and active is not None and active.run in by_name and _of(this, by_name[active.run]) is None:
        return by_name[active.run]
    return _newest(this)


def _newest(this: Pass) -> TrainingRun | None:
    """Of the runs that stay."""
    return this.trained[-1] if this.trained else None


def _has(this: Pass, run: str) -> bool:
    """Whether a run is staged, or was refused as the spec is."""
    staged = any(one.spec.training_run_ref.name == run for one in this.kept_runs)
    return staged or this.refused(run) is not None


def _of(this: Pass, run: TrainingRun) -> StagedRun | None:
    """The StagedRun of a run for the spec as it is."""
    return next(
        (
            one
            for one in this.seen.staged
            if one.spec.training_run_ref.uid == run.metadata.uid
            and one.spec.digest == this.digest
            and one.status.state is not StagingState.LOST
            and not going(one)
        ),
        None,
    )


def _progress(staged: StagedRun) -> Step:
    """What the StagedRun says, in the Materialization's words."""
    condition = find(staged.status.conditions, "Ready")
    name = staged.metadata.name
    message = condition.message if condition is not None else f"StagedRun {name!r} has not begun yet"
    if staged.status.state is StagingState.STAGED:
        return Step("True", StagedReason.STAGED, message)
    reason = condition.reason if condition is not None else ""
    if staged.status.state is StagingState.REFUSED:
        return Step("False", REFUSALS.get(reason, StagedReason.STAGING_FAILED), message)
    return Step("Unknown", WAITS.get(reason, StagedReason.STAGING), message)


def _under_way(this: Pass) -> StagedRun | None:
    return next((one for one in this.seen.staged if one.status.state not in ENDED and not going(one)), None)


def _superseded(this: Pass, digest: str) -> Step | None:
    """What is under way for another spec than this is given up."""
    under_way = _under_way(this)
    if under_way is None or under_way.spec.digest == digest:
        return None
    run, what = under_way.spec.training_run_ref.name, changed(under_way, this.seen.targets)
    message = f"{what} changed while run {run} was being staged"
    return Step("Unknown", StagedReason.SUPERSEDED, message, [Delete(under_way.metadata.name, under_way.metadata.uid)])


def _begin(this: Pass, run: TrainingRun, digest: str) -> Step:
    """One staging at a time: what is under way for an older run is awaited, unless nothing of it runs."""
    if (under_way := _under_way(this)) is not None:
        other = under_way.spec.training_run_ref.name
        if under_way.status.retry_at is None and under_way.status.latest_try is not None:
            message = f"Run {run.metadata.name} waits for run {other}, which is being staged"
            return Step("Unknown", StagedReason.STAGING, message)
        message = f"Run {other} is given up for run {run.metadata.name}"
        delete = Delete(under_way.metadata.name, under_way.metadata.uid)
        return Step("Unknown", StagedReason.STAGING, message, [delete])
    obj = staged_run(this.mat, run, this.seen.targets, digest)
    name = obj["metadata"]["name"]
    standing = next((one for one in this.seen.staged if one.metadata.name == name), None)
    if standing is not None or name in this.seen.occupied:
        delete_lost = [Delete(name, standing.metadata.uid)] if standing is not None and not going(standing) else []
        message = f"Run {run.metadata.name} is staged as soon as the data of StagedRun {name!r} is dropped"
        return Step("Unknown", StagedReason.STAGING, message, delete_lost)
    return Step(
        "Unknown", StagedReason.STAGING, f"Run {run.metadata.name} is to be staged{_again(this, run)}", [Create(obj)]
    )


def _again(this: Pass, run: TrainingRun) -> str:
    """Why a run is staged again, if it is."""
    before = [one for one in this.seen.staged if one.spec.training_run_ref.uid == run.metadata.uid]
    if not before:
        return ""
    if this.lost:
        return " again, for its data is gone"
    return f" again, for {changed(before[-1], this.seen.targets)} changed"
