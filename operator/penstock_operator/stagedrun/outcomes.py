"""How a try ends, and what that makes of the staging. Pure."""

from __future__ import annotations

from datetime import timedelta

from penstock.api.gates import GateResult
from penstock.api.stagedrun import StagedOutput, StagedRunReason, StagingState
from penstock.handoff import StagingReport
from penstock.wiresize import shortened
from penstock_operator.loop.plan import Plan
from penstock_operator.rayactions import UNBEGUN_LIMIT
from penstock_operator.stagedrun.observed import Action
from penstock_operator.stagedrun.passes import STEPS, Pass

BACKOFF_SECONDS = 5
MOST_BACKOFF_SECONDS = 300
GATE_BYTES = 1024
REFUSALS = {"Rejected": StagedRunReason.GATE_FAILED, "Invalid": StagedRunReason.INVALID_OUTPUT}


def reported(this: Pass, report: StagingReport) -> Plan[Action]:
    """The try said what it found, which decides."""
    status, latest = this.status, this.status.latest_try
    assert latest is not None
    latest.ended = True
    status.gates = [_bounded(gate) for gate in report.gates]
    status.retry_at = None
    status.finished_at = this.now
    if report.outcome == "Staged":
        status.state = StagingState.STAGED
        status.outputs = _with_policies(report.outputs, status.outputs)
        this.steps(len(STEPS))
        return this.ready("True", StagedRunReason.STAGED, this.passed, after=0)
    status.state = StagingState.REFUSED
    this.steps(0 if report.outcome == "Invalid" else len(STEPS) - 1, failed=True)
    return this.ready("False", REFUSALS[report.outcome], report.message, after=0)


def failed(
    this: Pass,
    message: str,
    reason: StagedRunReason = StagedRunReason.STAGING_FAILED,
    *,
    unbegun: bool = False,
) -> Plan[Action]:
    """A try failed for a cause outside the run: it is repeated, as often as the limit allows.

    One that Ray could not begin counts apart, within a limit of its own.
    """
    status, latest = this.status, this.status.latest_try
    assert latest is not None
    latest.ended = True
    status.unbegun += unbegun
    begun = status.tries - status.unbegun
    if begun <= this.spec.retry_limit and status.unbegun < UNBEGUN_LIMIT:
        again = status.unbegun if unbegun else begun
        wait = min(BACKOFF_SECONDS * 2 ** (again - 1), MOST_BACKOFF_SECONDS)
        status.retry_at = this.now + timedelta(seconds=wait)
        return this.ready("Unknown", StagedRunReason.BACKING_OFF, message, after=wait)
    return _given_up(this, reason, message)


def refused(this: Pass, cause: str) -> Plan[Action]:
    """What it asks of Ray is wrong in itself; the spec of a StagedRun does not change."""
    assert this.status.latest_try is not None
    this.status.latest_try.ended = True
    return _given_up(this, StagedRunReason.INVALID_SPEC, cause)


def _given_up(this: Pass, reason: StagedRunReason, message: str) -> Plan[Action]:
    status = this.status
    status.state, status.retry_at, status.finished_at = StagingState.REFUSED, None, this.now
    this.steps(0, failed=True)
    return this.ready("False", reason, message, after=0)


def _with_policies(outputs: list[StagedOutput], planned: list[StagedOutput]) -> list[StagedOutput]:
    policies = {output.physical: output.retain for output in planned}
    return [output.model_copy(update={"retain": policies.get(output.physical, False)}) for output in outputs]


def _bounded(gate: GateResult) -> GateResult:
    return gate.model_copy(update={"message": shortened(gate.message, GATE_BYTES)})
