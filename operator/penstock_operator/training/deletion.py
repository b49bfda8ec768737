"""How a deleted TrainingJob leaves: stop, remove, go, in bounded time. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from penstock.api.meta import DeletionPolicy
from penstock.api.trainingjob import SucceededReason, TrainingJob
from penstock_operator.loop.plan import Plan
from penstock_operator.training.observed import Action, DeleteRun, Forget, Observed, Stop, SweepSources
from penstock_operator.training.passes import POLL_SECONDS, Pass

DELETION_SECONDS = 60


def plan_deletion(job: TrainingJob, seen: Observed, now: datetime) -> Plan[Action]:
    """Stop what runs, then remove what was made; bounded in time even when Ray is away."""
    pass_ = Pass(job, seen, now)
    status, current = pass_.status, pass_.current
    overdue = now >= (job.metadata.deletion_timestamp or now) + timedelta(seconds=DELETION_SECONDS)
    alive = current if current is not None and _may_run(seen) else None
    if alive is not None and not overdue:
        actions = [] if seen.session is None else [Stop(alive.submission_id)]
        message = f"Attempt {alive.number} is being stopped: the job is being deleted"
        return pass_.result("Unknown", SucceededReason.STOPPING, message, *actions, after=POLL_SECONDS)
    gone = {one.run for one in status.attempts if one.removed}
    runs = {one.run for one in status.attempts} | {run.run for run in status.runs}
    keeps = job.spec.deletion_policy is DeletionPolicy.RETAIN
    cleanup: list[Action] = [] if keeps else [DeleteRun(run) for run in sorted(runs - gone - seen.protected)]
    if seen.session is not None:
        cleanup += [Forget(one.submission_id) for one in status.attempts if one is not alive]
    cleanup.append(SweepSources())
    notes = [f"Attempt {alive.number} was not seen to stop"] if alive is not None else []
    return Plan(status, cleanup=cleanup, finalized=True, notes=notes)


def _may_run(seen: Observed) -> bool:
    """Whether a recorded attempt may still run: so it may while Ray does not say otherwise."""
    return seen.session is None or (seen.job is not None and not seen.job.state.terminal)
