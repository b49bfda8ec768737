"""The tries of a staging: recorded, submitted, followed, judged. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from penstock.api.stagedrun import StagedRunReason, StagingState, Try
from penstock.naming import staging_id
from penstock.wiresize import shortened
from penstock_operator.loop.away import Away
from penstock_operator.loop.plan import Plan
from penstock_operator.ports import JobState, RayJob
from penstock_operator.rayactions import WATCHED_SECONDS, Stop
from penstock_operator.stagedrun.observed import Action, Finding, RaySeen, Submit
from penstock_operator.stagedrun.outcomes import failed, refused, reported
from penstock_operator.stagedrun.outputs import planned_outputs
from penstock_operator.stagedrun.passes import Pass

POLL_SECONDS = 0.5
RECHECK_SECONDS = 10.0
RAY_SECONDS = 5.0


# Nothing runs


def backing_off(this: Pass) -> Plan[Action] | None:
    """A try failed a moment ago."""
    retry_at = this.status.retry_at
    if retry_at is None or retry_at <= this.now:
        return None
    this.status.state = StagingState.STAGING
    condition = next(one for one in this.status.conditions if one.type == "Ready")
    wait = (retry_at - this.now).total_seconds()
    return this.ready("Unknown", StagedRunReason.BACKING_OFF, condition.message, after=wait)


def waiting_for_stores(this: Pass) -> Plan[Action] | None:
    """A store is not there, or not ready."""
    stores = this.seen.stores
    if stores.missing:
        return this.ready("Unknown", StagedRunReason.MISSING_REFERENCE, stores.missing, after=RECHECK_SECONDS)
    if stores.not_ready:
        return this.ready("Unknown", StagedRunReason.STORE_NOT_READY, stores.not_ready, after=RECHECK_SECONDS)
    return None


def waiting_for_ray(this: Pass) -> Plan[Action] | None:
    """Ray does not answer."""
    if not isinstance(this.seen.ray, Away):
        return None
    return this.ready("Unknown", StagedRunReason.RAY_UNREACHABLE, this.seen.ray.cause, after=RAY_SECONDS)


def begin(this: Pass) -> Plan[Action]:
    """Write the intent, with every name that it will create; the next pass, which reads it, submits."""
    ray = this.seen.ray
    assert isinstance(ray, RaySeen)
    status = this.status
    status.tries += 1
    status.latest_try = Try(
        number=status.tries,
        submission_id=staging_id(this.staged.metadata.uid, status.tries),
        session=ray.session,
    )
    status.state, status.retry_at, status.progress = StagingState.STAGING, None, None
    status.outputs = planned_outputs(this.staged, this.seen.policies)
    return this.ready("Unknown", StagedRunReason.STAGING, f"Run {this.run} is to be staged", after=0)


# A try is under way


def follow(this: Pass) -> Plan[Action] | None:
    """Go on with the try that is recorded and has not ended."""
    latest = this.status.latest_try
    if latest is None or latest.ended:
        return None
    finding, ray = this.seen.finding, this.seen.ray
    if isinstance(finding, Finding) and finding.report is not None:
        return reported(this, finding.report)
    if isinstance(ray, Away):
        return this.ready("Unknown", StagedRunReason.RAY_UNREACHABLE, ray.cause, after=RAY_SECONDS)
    if ray.job is None:
        return _absent(this, latest, ray)
    latest.submitted = True
    if ray.job.state is not JobState.PENDING:
        latest.started_at = latest.started_at or this.now
    if isinstance(finding, Finding):
        this.status.progress = finding.progress or this.status.progress
    if ray.job.state.terminal:
        return _ended(this, latest, ray.job, ray.log_tail)
    return _alive(this, latest, ray.job)


def _absent(this: Pass, latest: Try, ray: RaySeen) -> Plan[Action]:
    """Ray knows of no such job: not submitted yet, or lost."""
    if latest.stopping:
        return _stopped(this, latest, "")
    if latest.submitted or latest.session != ray.session:
        return failed(this, "Ray no longer knows the staging job")
    stores = this.seen.stores
    if stores.missing:
        return this.ready("Unknown", StagedRunReason.MISSING_REFERENCE, stores.missing, after=RECHECK_SECONDS)
    message = f"Run {this.run} is being submitted for staging"
    submit = Submit(latest.submission_id)
    plan = this.ready("Unknown", StagedRunReason.STAGING, message, submit, after=POLL_SECONDS / 2)
    return replace(plan, refusal=partial(refused, this))


def _alive(this: Pass, latest: Try, job: RayJob) -> Plan[Action]:
    if latest.stopping:
        message = f"The staging of run {this.run} is being stopped ({latest.stopping})"
        return this.ready("Unknown", StagedRunReason.STAGING, message, Stop(latest.submission_id), after=1.0)
    deadline = _deadline(this, latest)
    if job.lost or (deadline is not None and this.now >= deadline):
        reason = StagedRunReason.STAGING_FAILED if job.lost else StagedRunReason.DEADLINE_EXCEEDED
        latest.stopping, latest.stopping_since = str(reason), this.now
        message = f"The staging of run {this.run} is to be stopped: {job.lost or reason}"
        return this.ready("Unknown", StagedRunReason.STAGING, message, after=0)
    if latest.started_at is None or deadline is None:
        message = f"Run {this.run} waits to be staged{f': {job.message}' if job.message else ''}"
        after = job.look_seconds if job.watched else POLL_SECONDS
        return this.ready("Unknown", StagedRunReason.STAGING, message, after=after)
    done = f": {this.status.progress}" if this.status.progress else ""
    poll = min(WATCHED_SECONDS, job.look_seconds or WATCHED_SECONDS) if job.watched else POLL_SECONDS
    after = min(poll, (deadline - this.now).total_seconds())
    return this.ready("Unknown", StagedRunReason.STAGING, f"Run {this.run} is being staged{done}", after=after)


def _deadline(this: Pass, latest: Try) -> datetime | None:
    return latest.started_at and latest.started_at + timedelta(seconds=this.spec.deadline_seconds)


def _ended(this: Pass, latest: Try, job: RayJob, log_tail: str) -> Plan[Action]:
    finding = this.seen.finding
    if latest.stopping:
        return _stopped(this, latest, log_tail)
    if isinstance(finding, Away) and job.state is JobState.SUCCEEDED:
        return this.ready("Unknown", StagedRunReason.ARTIFACTS_UNREACHABLE, finding.cause, after=RAY_SECONDS)
    if job.unbegun:
        return failed(this, f"Ray could not begin the staging job: {job.unbegun}", unbegun=True)
    if job.fault:
        return failed(this, f"The staging job failed: {job.fault}")
    if isinstance(finding, Finding) and finding.corrupt and job.state is JobState.SUCCEEDED:
        return failed(this, f"The staging job ended, and its report is corrupt: {finding.corrupt}")
    what = {JobState.STOPPED: "was stopped on Ray's side", JobState.SUCCEEDED: "ended without a report"}
    told = what.get(job.state, "failed")
    return failed(this, f"The staging job {told}. Its last lines:\n{log_tail or job.message}")


def _stopped(this: Pass, latest: Try, log_tail: str) -> Plan[Action]:
    if latest.stopping != StagedRunReason.DEADLINE_EXCEEDED:
        return failed(this, f"The staging job was stopped: {latest.stopping}")
    lines = f" Its last lines:\n{log_tail}" if log_tail else ""
    limit = f"{this.spec.deadline_seconds} s (spec.stagingDeadlineSeconds)"
    message = shortened(f"The staging took longer than {limit} and was stopped.{lines}", 8192)
    return failed(this, message, StagedRunReason.DEADLINE_EXCEEDED)
