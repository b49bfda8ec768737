"""What a StagedRun does that has been staged, refused, or has lost its data. Pure."""

from __future__ import annotations

from penstock.api.stagedrun import StagedRunReason, StagingState
from penstock.wiresize import shortened
from penstock_operator.loop.plan import Failed, Plan, trouble
from penstock_operator.stagedrun.observed import Action, Drop
from penstock_operator.stagedrun.passes import Pass

WATCH_SECONDS = 60.0
"""Between looks whether what is served, or may be at once, is still in its stores."""
DROP_ERROR_BYTES = 2048


def losing(this: Pass) -> Plan[Action] | None:
    """What is needed has gone from a store: nothing of it may be served as whole any more."""
    if this.status.state is not StagingState.STAGED or not this.seen.lost:
        return None
    this.status.state = StagingState.LOST
    message = f"{', '.join(this.seen.lost)} of run {this.run} is in its store no more"
    return this.ready("False", StagedRunReason.DATA_LOST, message)


def lost(this: Pass) -> Plan[Action] | None:
    """It rests until it is deleted."""
    return Plan(this.status) if this.status.state is StagingState.LOST else None


def staged(this: Pass) -> Plan[Action] | None:
    """It rests, and is looked after while it is needed."""
    if this.status.state is not StagingState.STAGED:
        return None
    after = WATCH_SECONDS if this.status.kept_as is not None else None
    return this.ready("True", StagedRunReason.STAGED, this.passed, after=after)


def refused(this: Pass) -> Plan[Action] | None:
    """What it left in the stores goes; the record stays, for people to read."""
    if this.status.state is not StagingState.REFUSED:
        return None
    status = this.status

    def conclude(failed: Failed) -> str:
        kept = [action.output.physical for action, _ in failed if isinstance(action, Drop)]
        status.outputs = [output for output in status.outputs if output.physical in kept]
        status.drop_error = shortened(trouble(failed), DROP_ERROR_BYTES)
        return status.drop_error

    return Plan(status, cleanup=[Drop(output) for output in status.outputs], conclude=conclude)
