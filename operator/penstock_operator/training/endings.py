"""How an attempt ends: its run recorded, stopped, or failed, and by whose fault. Pure."""

from __future__ import annotations

from pydantic import ValidationError

from penstock.api.trainingjob import AttemptState
from penstock.api.trainingjobreasons import SucceededReason
from penstock.rundir.manifest import Manifest
from penstock_operator.loop.away import Away
from penstock_operator.loop.plan import Plan
from penstock_operator.ports import JobState
from penstock_operator.training.actions import Action, CreateRun
from penstock_operator.training.observed import Broken
from penstock_operator.training.passes import AWAY_SECONDS
from penstock_operator.training.record import training_run
from penstock_operator.training.underway import UnderWay


def succeeded(this: UnderWay) -> Plan[Action] | None:
    """Its manifest is whole: its run is an object before the job says so. One of an old spec makes nothing ready."""
    manifest = this.seen.manifest
    if not (this.over or this.absent) or not isinstance(manifest, Manifest) or _lacking(this, manifest):
        return None
    attempt, stale = this.attempt, this.stale
    try:
        made = CreateRun(training_run(this.job, attempt, manifest, this.seen.run_uri))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        return _failed(
            this, SucceededReason.INVALID_OUTPUT, f"The manifest cannot be recorded: {where}: {first['msg']}"
        )
    this.finish(AttemptState.SUCCEEDED, str(SucceededReason.COMPLETED))
    this.status.latest_run = attempt.run
    if stale:
        message = f"Run {attempt.run} is of the spec before: it is kept, and a new attempt begins"
        return this.result("Unknown", SucceededReason.SUPERSEDED, message, made, after=0)
    return this.result("True", SucceededReason.COMPLETED, f"Run {attempt.run} is complete", made, after=0)


def unjudged(this: UnderWay) -> Plan[Action] | None:
    """It is over, and whether it was well only the artifact store knows."""
    manifest, job = this.seen.manifest, this.ray_job
    if not this.over or not isinstance(manifest, Away):
        return None
    if job is not None and job.unbegun:
        return None
    if this.attempt.state is AttemptState.STOPPING and (job is None or job.state is not JobState.SUCCEEDED):
        return None
    message = f"Attempt {this.attempt.number} has ended, and is not judged yet: {manifest.cause}"
    return this.result("Unknown", SucceededReason.ARTIFACTS_UNREACHABLE, message, after=AWAY_SECONDS)


def stopped(this: UnderWay) -> Plan[Action] | None:
    """It was to be stopped, and is."""
    attempt = this.attempt
    if not this.over or attempt.state is not AttemptState.STOPPING:
        return None
    if attempt.reason == SucceededReason.DEADLINE_EXCEEDED:
        seconds = this.spec.attempt_deadline_seconds
        tail = this.ray.log_tail if this.ray is not None else ""
        lines = f" Its last lines:\n{tail}" if tail else ""
        message = f"It ran longer than {seconds} s (spec.attemptDeadlineSeconds) and was stopped.{lines}"
        return _failed(this, SucceededReason.DEADLINE_EXCEEDED, message)
    if attempt.reason == SucceededReason.RAY_FAILED:
        return _failed(this, SucceededReason.RAY_FAILED, attempt.message)
    this.finish(AttemptState.STOPPED, attempt.reason)
    message = f"Attempt {attempt.number} was stopped ({attempt.reason})"
    return this.result("Unknown", SucceededReason.STOPPING, message, after=0)


def unbegun(this: UnderWay) -> Plan[Action] | None:
    """It is over, and its code never began: nothing can be said of that."""
    if not this.over:
        return None
    attempt, job = this.attempt, this.ray_job
    if job is not None:
        return _failed(this, SucceededReason.RAY_UNAVAILABLE, job.unbegun, unbegun=True) if job.unbegun else None
    if attempt.submitted or attempt.state is not AttemptState.PENDING:
        return None
    assert this.ray is not None
    if attempt.session != this.ray.session:
        message = "Ray restarted between the recording of the attempt and its submission"
    else:
        message = "The operator ended before it knew whether the attempt was submitted, and it is not there"
    return _failed(this, SucceededReason.ATTEMPT_LOST, message, unbegun=True)


def failed(this: UnderWay) -> Plan[Action] | None:
    """It is over, and that is all."""
    if not this.over:
        return None
    job, manifest = this.ray_job, this.seen.manifest
    if job is None:
        return _failed(this, SucceededReason.ATTEMPT_LOST, "Ray no longer knows the attempt")
    if job.fault:
        return _failed(this, SucceededReason.RAY_FAILED, job.fault)
    if job.state is JobState.STOPPED:
        return _failed(this, SucceededReason.ATTEMPT_STOPPED, "The job was stopped on Ray's side")
    if job.state is JobState.SUCCEEDED:
        cause = _lacking(this, manifest) if isinstance(manifest, Manifest) else ""
        cause = manifest.cause if isinstance(manifest, Broken) else cause
        return _failed(this, SucceededReason.INVALID_OUTPUT, cause)
    lines = (this.ray.log_tail if this.ray is not None else "") or job.message
    message = f"{this.attempt.entrypoint or this.spec.entrypoint} failed. Its last lines:\n{lines}"
    return _failed(this, SucceededReason.ENTRYPOINT_FAILED, message)


def refused(this: UnderWay, cause: str) -> Plan[Action]:
    """Its submission is wrong in itself: none follows before the spec is another."""
    this.finish(AttemptState.FAILED, str(SucceededReason.INVALID_SPEC), cause)
    this.attempt.unbegun, this.attempt.refused_generation = True, this.job.metadata.generation
    return this.result("False", SucceededReason.INVALID_SPEC, this.attempt.message, after=0)


def _failed(this: UnderWay, reason: SucceededReason, message: str, *, unbegun: bool = False) -> Plan[Action]:
    attempt = this.attempt
    this.finish(AttemptState.FAILED, str(reason), message)
    attempt.unbegun = unbegun
    text = f"Attempt {attempt.number} failed ({reason}): {attempt.message}"
    return this.result("Unknown", SucceededReason.BACKING_OFF, text, after=0)


def _lacking(this: UnderWay, manifest: Manifest) -> str:
    """What the spec asks of an attempt of it and the manifest has not."""
    if this.stale:
        return ""
    kinds = {output.name: output.kind for output in manifest.outputs}
    for output in this.spec.outputs:
        if kinds.get(output.name) is not output.kind:
            return f"The manifest has no {output.kind} output {output.name!r}, which spec.outputs declares"
    return ""
