"""How a deleted StagedRun goes: held while it is served, stopped, given its grace, dropped. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from penstock.api.stagedrun import KeptAs, StagedOutput, StagedRunReason, StagingState
from penstock_operator.loop.away import Away
from penstock_operator.loop.plan import Plan
from penstock_operator.rayactions import STOP_SECONDS, Forget, Stop
from penstock_operator.stagedrun.endings import WATCH_SECONDS
from penstock_operator.stagedrun.observed import Action, Drop, Finding, RemoveFiles
from penstock_operator.stagedrun.passes import Pass

POLL_SECONDS = 1.0


def held(this: Pass) -> Plan[Action] | None:
    """It was deleted by hand, past the API's refusal: nothing that is served goes, unless it has gone already."""
    if not _deleted(this) or (kept := this.status.kept_as) is None:
        return None
    if this.status.state is StagingState.LOST:
        # Held on, it would keep the run from being staged again under its name.
        return None
    mat = this.spec.materialization_ref.name
    what = {
        KeptAs.ACTIVE: "is served",
        KeptAs.PINNED: "is pinned",
        KeptAs.PREVIOUS: "is what a rollback goes back to",
    }[kept]
    message = f"Run {this.run} {what} by Materialization {mat!r}: its data stays until that ends"
    return this.ready("False", StagedRunReason.HELD, message, after=WATCH_SECONDS)


def stopping(this: Pass) -> Plan[Action] | None:
    """Stop a try that may still write, for a bounded time."""
    if not _deleted(this) or not _may_write(this):
        return None
    latest = this.status.latest_try
    assert latest is not None
    if latest.stopping_since is None:
        latest.stopping, latest.stopping_since = str(StagedRunReason.STOPPING), this.now
    until = max(latest.stopping_since, this.since) + timedelta(seconds=STOP_SECONDS)
    if this.now >= until:
        return None
    if isinstance(this.seen.ray, Away):
        why = f"{this.seen.ray.cause}: the staging of run {this.run} may still write, and is waited for"
        message = f"{why} until {until:%H:%M:%S} UTC"
        return this.ready("False", StagedRunReason.STOPPING, message, after=POLL_SECONDS)
    message = f"The staging of run {this.run} is being stopped"
    return this.ready("False", StagedRunReason.STOPPING, message, Stop(latest.submission_id), after=POLL_SECONDS)


def retiring(this: Pass) -> Plan[Action] | None:
    """Readers that have not seen the pointer move yet still find its data."""
    mat = this.seen.materialization
    if not _deleted(this) or this.status.state is not StagingState.STAGED:
        return None
    if mat is None or mat.metadata.deletion_timestamp is not None:
        return None
    if this.status.retire_at is None:
        this.status.retire_at = this.now + timedelta(seconds=this.spec.grace_period_seconds)
    left = (this.status.retire_at - this.now).total_seconds()
    if left <= 0:
        return None
    message = f"Its data stays until {this.status.retire_at:%H:%M:%S} UTC for those who still read it"
    return this.ready("False", StagedRunReason.RETIRING, message, after=left)


def dropping(this: Pass) -> Plan[Action] | None:
    """Drop its data, unless a view or collection retains it as all goes; then it is gone."""
    if not _deleted(this):
        return None
    latest, ray = this.status.latest_try, this.seen.ray
    notes: Sequence[str] = ()
    cleanup: list[Action] = []
    if _may_write(this):
        # Who still writes would bring back what is dropped.
        left = ", ".join(output.physical for output in this.status.outputs) or "nothing"
        notes = [f"The staging of run {this.run} was not seen to stop; it leaves {left}"]
    else:
        cleanup += [
            Drop(output, _public(this, output)) for output in this.status.outputs if not _retained(this, output)
        ]
        cleanup.append(RemoveFiles())
    if latest is not None and not isinstance(ray, Away) and ray.job is not None and ray.job.state.terminal:
        cleanup.append(Forget(latest.submission_id))
    plan = this.ready("False", StagedRunReason.DROPPING, "Its data is being dropped")
    return Plan(plan.status, cleanup=cleanup, finalized=True, notes=notes)


def _deleted(this: Pass) -> bool:
    return this.staged.metadata.deletion_timestamp is not None


def _may_write(this: Pass) -> bool:
    """Whether a recorded try may still write to the stores: so it may while Ray does not say otherwise."""
    latest = this.status.latest_try
    if latest is None or latest.ended:
        return False
    if isinstance(this.seen.finding, Finding) and this.seen.finding.report is not None:
        return False
    ray = this.seen.ray
    return isinstance(ray, Away) or (ray.job is not None and not ray.job.state.terminal)


def _retained(this: Pass, output: StagedOutput) -> bool:
    mat = this.seen.materialization
    return output.retain and (mat is None or mat.metadata.deletion_timestamp is not None)


def _public(this: Pass, output: StagedOutput) -> bool:
    """Whether nobody will move the public name away from what is dropped: nothing is served under it any more."""
    mat = this.seen.materialization
    if mat is None or mat.metadata.deletion_timestamp is not None or mat.status.active is None:
        return True
    return not any((one.kind, one.resource) == (output.kind, output.resource) for one in mat.status.active.outputs)
