"""What is done for an attempt that is not over: it is stopped, submitted, or followed. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from penstock.api.trainingjob import AttemptState
from penstock.api.trainingjobreasons import SucceededReason
from penstock_operator.loop.plan import Plan
from penstock_operator.ports import RayJob
from penstock_operator.rayactions import WATCHED_SECONDS, Stop
from penstock_operator.training.actions import Action, Submit
from penstock_operator.training.endings import refused
from penstock_operator.training.passes import POLL_SECONDS
from penstock_operator.training.underway import UnderWay


def stopping(this: UnderWay) -> Plan[Action] | None:
    """It was to be stopped: Ray is asked until it is. One that Ray does not know may yet be accepted."""
    attempt = this.attempt
    if attempt.state is not AttemptState.STOPPING:
        return None
    if this.ray is None:
        return this.unreachable()
    actions = [] if this.absent else [Stop(attempt.submission_id)]
    message = f"Attempt {attempt.number} is being stopped ({attempt.reason})"
    after = POLL_SECONDS if this.ray_job is None else _poll(this.ray_job)
    return this.result("Unknown", SucceededReason.STOPPING, message, *actions, after=after)


def lost(this: UnderWay) -> Plan[Action] | None:
    """It will not come to an end by itself any more."""
    job = this.ray_job
    return this.stop(SucceededReason.RAY_FAILED, job.lost) if job is not None and job.lost else None


def preempted(this: UnderWay) -> Plan[Action] | None:
    """An attempt runs once: on another Ray cluster it would find what it left."""
    return this.stop(SucceededReason.PREEMPTED) if this.interrupted else None


def suspended(this: UnderWay) -> Plan[Action] | None:
    """The job is suspended; Ray need not answer to know that."""
    return this.stop(SucceededReason.SUSPENDED) if this.spec.suspend else None


def superseded(this: UnderWay) -> Plan[Action] | None:
    """What changes the result has changed."""
    return this.stop(SucceededReason.SUPERSEDED) if this.stale else None


def overdue(this: UnderWay) -> Plan[Action] | None:
    """It has run for too long."""
    deadline = _deadline(this)
    return this.stop(SucceededReason.DEADLINE_EXCEEDED) if deadline is not None and this.now >= deadline else None


def unreachable(this: UnderWay) -> Plan[Action] | None:
    """Ray does not answer: no more can be known of it."""
    return this.unreachable() if this.ray is None else None


def submitting(this: UnderWay) -> Plan[Action] | None:
    """It is recorded, and surely not submitted yet."""
    if not this.absent:
        return None
    message = f"Attempt {this.attempt.number} is being submitted"
    plan = this.result("Unknown", SucceededReason.PENDING, message, Submit(this.attempt), after=POLL_SECONDS / 4)
    return replace(plan, refusal=partial(refused, this))


def waiting(this: UnderWay) -> Plan[Action] | None:
    """Ray has it, and its code has yet to begin."""
    job = this.ray_job
    if job is None or this.attempt.state is not AttemptState.SUBMITTED:
        return None
    message = f"Attempt {this.attempt.number} waits{f': {job.message}' if job.message else ' for Ray'}"
    after = job.look_seconds if job.watched else POLL_SECONDS
    return this.result("Unknown", SucceededReason.PENDING, message, after=after)


def running(this: UnderWay) -> Plan[Action] | None:
    """It runs."""
    job, deadline = this.ray_job, _deadline(this)
    after = POLL_SECONDS if job is None else _poll(job)
    if deadline is not None:
        after = min(after, (deadline - this.now).total_seconds())
    return this.result("Unknown", SucceededReason.RUNNING, f"Attempt {this.attempt.number} is running", after=after)


def _poll(job: RayJob) -> float:
    """Seconds until the next look at a job that runs."""
    return min(WATCHED_SECONDS, job.look_seconds or WATCHED_SECONDS) if job.watched else POLL_SECONDS


def _deadline(this: UnderWay) -> datetime | None:
    seconds, since = this.spec.attempt_deadline_seconds, this.attempt.started_at
    return since + timedelta(seconds=seconds) if seconds is not None and since is not None else None
