"""How a deleted TrainingJob goes: what runs is stopped, what came to nothing removed; its runs follow by themselves.

All of it is bounded from when it was first asked for, by this operator's clock, and from when this process looks.
"""

from __future__ import annotations

from datetime import timedelta

from penstock.api.meta import DeletionPolicy
from penstock.api.trainingjob import AttemptState
from penstock.api.trainingjobreasons import SucceededReason
from penstock_operator.loop.plan import Plan
from penstock_operator.rayactions import STOP_SECONDS, Forget, Stop
from penstock_operator.training.actions import Action, DeleteFiles
from penstock_operator.training.passes import DOUBT_SECONDS, POLL_SECONDS, Pass


def stopping(this: Pass) -> Plan[Action] | None:
    """Stop what runs, or may; one that Ray does not know may yet be accepted."""
    seen_at = this.status.deletion_seen_at = this.status.deletion_seen_at or this.now
    attempt = this.current
    if attempt is None or not _may_run(this):
        return None
    if this.ray is not None and attempt.stopping_since is None:
        attempt.state, attempt.reason = AttemptState.STOPPING, str(SucceededReason.DELETED)
        attempt.stopping_since = this.now
    asked = max(seen_at, attempt.stopping_since or seen_at, this.since)
    bound = DOUBT_SECONDS if this.ray is not None and this.ray_job is None else STOP_SECONDS
    if this.now >= asked + timedelta(seconds=bound):
        return None
    if this.ray is None:
        return this.unreachable()
    actions = [Stop(attempt.submission_id)] if this.ray_job is not None else []
    message = f"Attempt {attempt.number} is being stopped: the job is being deleted"
    return this.result("Unknown", SucceededReason.STOPPING, message, *actions, after=POLL_SECONDS)


def going(this: Pass) -> Plan[Action] | None:
    """Remove what no TrainingRun speaks of, and go."""
    attempt, cleanup, notes = this.current, list[Action](), list[str]()
    alive = attempt if attempt is not None and _may_run(this) and not _unknown_to_ray(this) else None
    if alive is not None:
        # Who still writes would bring back what is removed.
        notes.append(f"Attempt {alive.number} was not seen to stop; its directory {this.seen.run_uri} stays")
        cleanup += [Stop(alive.submission_id)] if this.ray is not None else []
    recorded = {run.name for run in this.seen.runs}
    if this.spec.deletion_policy is not DeletionPolicy.RETAIN:
        cleanup += [
            DeleteFiles(one.run)
            for one in this.status.attempts
            if one is not alive
            and not one.removed
            and one.state is not AttemptState.SUCCEEDED
            and one.run not in recorded
        ]
    if this.ray is not None:
        cleanup += [Forget(one.submission_id) for one in this.status.attempts if one is not alive]
    return Plan(this.status, this.carried_policies(), cleanup=cleanup, finalized=True, notes=notes)


def _may_run(this: Pass) -> bool:
    """Whether the recorded attempt may still run: so it may while Ray does not say otherwise."""
    assert this.current is not None
    if this.ray is None:
        return True
    job = this.ray_job
    return not job.state.terminal if job is not None else not this.current.submitted


def _unknown_to_ray(this: Pass) -> bool:
    return this.ray is not None and this.ray_job is None
