"""Which run is served: one pointer, moved in one status write. Pure."""

from __future__ import annotations

from penstock.api.materialization import Active, PromotedReason, Promotion
from penstock.api.stagedrun import StagedRun
from penstock_operator.loop.conditions import Truth
from penstock_operator.materialization.passes import Pass, name_of
from penstock_operator.materialization.targets import changed

Verdict = tuple[Truth, PromotedReason, str]


def promote(this: Pass) -> Verdict:
    """Move the pointer where it should be; `this.status` is updated in place.

    Unless it is pinned, a run is promoted as it was staged for the spec as it is: past its gates, to its targets.
    """
    status = this.status
    if status.previous is not None and not this.has_data(status.previous):
        # Nobody can go back to what is gone.
        status.previous = None
    if this.spec.suspend:
        return "Unknown", PromotedReason.SUSPENDED, "Suspended by spec.suspend"
    if this.seen.conflict:
        return "False", PromotedReason.CONFLICT, f"{this.seen.conflict}: nothing is promoted"
    if this.spec.pinned_run_ref is not None:
        return _pin(this, this.spec.pinned_run_ref.name)
    newest = _newest(this)
    if newest is None:
        if status.active is not None:
            return "True", PromotedReason.PROMOTED, f"Run {status.active.run} is served"
        return "Unknown", PromotedReason.NOTHING_STAGED, "No staged run to promote"
    run = newest.spec.training_run_ref.name
    if this.spec.promotion is Promotion.MANUAL:
        if (restored := _restored(this)) is not None:
            point(this, restored)
        if not _is_active(this, newest):
            return "Unknown", PromotedReason.AWAITING_PROMOTION, f"Run {run} is staged and waits for `promote`"
    point(this, newest)
    return "True", PromotedReason.PROMOTED, f"Run {run} is served"


def _restored(this: Pass) -> StagedRun | None:
    """What was served and had lost its data, staged again: to serve it needs nobody's word."""
    active = this.status.active
    if not this.lost or active is None:
        return None
    again = [one for one in this.kept_runs if one.spec.training_run_ref.name == active.run]
    return next((one for one in reversed(again) if one.spec.digest == this.digest), None)


def _newest(this: Pass) -> StagedRun | None:
    """The newest run that is staged for the spec as it is, unless what is served was trained later."""
    fitting = [one for one in this.kept_runs if one.spec.digest == this.digest]
    newest, active = (fitting[-1] if fitting else None), this.status.active
    if newest is not None and active is not None and newest.spec.trained_at < active.trained_at and not this.lost:
        return None
    return newest


def _pin(this: Pass, run: str) -> Verdict:
    staged = [one for one in this.kept_runs if one.spec.training_run_ref.name == run]
    fitting = [one for one in staged if one.spec.digest == this.digest]
    if not staged:
        if (restored := _restored(this)) is not None:
            point(this, restored)
        return _not_staged(this, run)
    point(this, (fitting or staged)[-1])
    return "True", PromotedReason.PINNED, f"Run {run} is served, as spec.pinnedRunRef says{outdated(this)}"


def _not_staged(this: Pass, run: str) -> Verdict:
    pinned = f"spec.pinnedRunRef {run!r}"
    if (refused := this.refused(run)) is not None:
        message = f"{pinned} was refused, as StagedRun {refused.metadata.name!r} says; what was served stays"
        return "False", PromotedReason.PINNED_RUN_UNAVAILABLE, message
    if all(one.metadata.name != run for one in this.trained):
        message = f"{pinned} is no run of the job; what was served stays"
        return "False", PromotedReason.PINNED_RUN_UNAVAILABLE, message
    return "Unknown", PromotedReason.STAGING_PINNED_RUN, f"{pinned} is to be staged first; what was served stays"


def outdated(this: Pass) -> str:
    """The end of a sentence about what is served: whether anything of what it was staged by has changed since."""
    active = this.active
    if active is None or this.digest is None or active.spec.digest == this.digest:
        return ""
    return f"; it is as it was staged, before {changed(active, this.seen.targets)} changed"


def point(this: Pass, staged: StagedRun) -> None:
    """Let the pointer name this staging; another run that it named becomes the previous one."""
    if _is_active(this, staged):
        return
    status, before = this.status, this.active
    name = name_of(staged)
    if before is not None and status.active is not None and status.active.run != name.run:
        status.previous = name_of(before)
    elif status.previous is not None and status.previous.run == name.run:
        status.previous = None
    status.active = Active(
        run=name.run,
        staged_run_ref=name.staged_run_ref,
        uri=staged.spec.uri,
        trained_at=staged.spec.trained_at,
        switched_at=this.now,
        outputs=staged.status.outputs,
    )


def _is_active(this: Pass, staged: StagedRun) -> bool:
    active = this.status.active
    return active is not None and active.staged_run_ref.uid == staged.metadata.uid
