"""What a TrainingJob does of which no attempt is under way: rest, wait, or begin one. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from penstock.api.trainingjob import Attempt, AttemptState, TrainingJob
from penstock.api.trainingjobreasons import SucceededReason
from penstock.naming import run_name, submission_id
from penstock_operator.loop.away import Away
from penstock_operator.loop.conditions import Truth
from penstock_operator.loop.plan import Plan
from penstock_operator.rayactions import UNBEGUN_LIMIT
from penstock_operator.training.actions import Action, Release, StoreSource
from penstock_operator.training.attempts import config_map, is_of
from penstock_operator.training.leftovers import bounded
from penstock_operator.training.observed import Observed
from penstock_operator.training.passes import AWAY_SECONDS, Pass
from penstock_operator.training.rerun import answer, rerun_token

RECHECK_SECONDS = 10.0
UNBEGUN_BACKOFF_SECONDS, MOST_UNBEGUN_SECONDS = 5, 300


class Idle(Pass):
    """A pass, and the last attempt if it was one of the spec as it is."""

    def __init__(self, job: TrainingJob, seen: Observed, now: datetime, since: datetime) -> None:
        super().__init__(job, seen, now, since)
        revision = None if isinstance(seen.code, Away) else seen.code.revision
        of_spec = self.last is not None and is_of(self.last, job, revision)
        self.before: Attempt | None = self.last if of_spec else None
        if self.before is not None:
            self.before.config_map = config_map(job)
        self.status.retry_at = None
        self.status.progress = self.status.progress if of_spec else None

    @property
    def failure(self) -> Attempt | None:
        """The last attempt, if it was of this spec and failed."""
        before = self.before
        return before if before is not None and before.state is AttemptState.FAILED else None

    @property
    def retry(self) -> int:
        """Which retry of the code the next attempt is: what never began was none."""
        if self.before is None:
            return 0
        return self.before.retry + (self.failure is not None and not self.before.unbegun)

    @property
    def unavailable(self) -> int:
        """How many of the last attempts of this spec, in a row, Ray took and could not begin."""
        count = 0
        for attempt in reversed(self.status.attempts):
            if attempt.reason != SucceededReason.RAY_UNAVAILABLE or attempt.spec_digest != self.digest:
                break
            count += 1
        return count

    def idle(self, truth: Truth, reason: SucceededReason, message: str, recheck: float | None = None) -> Plan[Action]:
        """No attempt comes by itself; a Ray cluster that waits for one goes when its time is over."""
        kept = self.ray.kept_seconds if self.ray is not None else None
        if kept is None:
            return self.result(truth, reason, message, after=recheck)
        since = self.last.finished_at if self.last is not None and self.last.finished_at is not None else self.now
        left = (since + timedelta(seconds=kept) - self.now).total_seconds()
        if left > 0:
            return self.result(truth, reason, message, after=min(left, recheck or left))
        return self.result(truth, reason, message, Release(), after=recheck)


def completed(this: Idle) -> Plan[Action] | None:
    """The spec as it is has its run."""
    before = this.before
    if before is None or before.state is not AttemptState.SUCCEEDED:
        return None
    return this.idle("True", SucceededReason.COMPLETED, f"Run {before.run} is complete")


def suspended(this: Idle) -> Plan[Action] | None:
    """Nobody wants an attempt now."""
    if not this.spec.suspend:
        return None
    return this.idle("Unknown", SucceededReason.SUSPENDED, "Suspended by spec.suspend")


def refused(this: Idle) -> Plan[Action] | None:
    """What this spec asks of Ray is refused for good."""
    failure = this.failure
    if failure is None or failure.refused_generation != this.job.metadata.generation:
        return None
    return this.idle("False", SucceededReason.INVALID_SPEC, failure.message)


def exhausted(this: Idle) -> Plan[Action] | None:
    """The code has failed as often as it may."""
    failure = this.failure
    if failure is None or this.retry <= this.spec.retry.limit:
        return None
    message = f"Attempt {failure.number} was the last that spec.retry.limit allows: {failure.message}"
    return this.idle("False", SucceededReason.ATTEMPTS_EXHAUSTED, message)


def never_begun(this: Idle) -> Plan[Action] | None:
    """Ray could not begin it too many times."""
    failure = this.failure
    if failure is None or this.unavailable < UNBEGUN_LIMIT:
        return None
    message = f"Ray could not begin {UNBEGUN_LIMIT} attempts in a row: {failure.message}"
    return this.idle("False", SucceededReason.RAY_UNAVAILABLE, message)


def backing_off(this: Idle) -> Plan[Action] | None:
    """The next attempt comes after a wait."""
    failure = this.failure
    if failure is None:
        return None
    policy = this.spec.retry
    wait = min(policy.backoff_seconds * 2**failure.retry, policy.max_backoff_seconds)
    if failure.unbegun:
        wait = min(UNBEGUN_BACKOFF_SECONDS * 2 ** max(this.unavailable - 1, 0), MOST_UNBEGUN_SECONDS)
    retry_at = (failure.finished_at or this.now) + timedelta(seconds=wait)
    if retry_at <= this.now:
        return None
    this.status.retry_at = retry_at
    message = f"Attempt {failure.number} failed ({failure.reason}): {failure.message}"
    return this.result("Unknown", SucceededReason.BACKING_OFF, message, after=(retry_at - this.now).total_seconds())


def without_code(this: Idle) -> Plan[Action] | None:
    """The code is not there, or not known to be."""
    code = this.seen.code
    if isinstance(code, Away):
        return this.result("Unknown", SucceededReason.ARTIFACTS_UNREACHABLE, code.cause, after=AWAY_SECONDS)
    if code.invalid:
        return this.idle("False", SucceededReason.INVALID_SOURCE, code.invalid, RECHECK_SECONDS)
    if missing := this.seen.missing_secret or code.missing:
        return this.idle("Unknown", SucceededReason.MISSING_REFERENCE, missing, RECHECK_SECONDS)
    return None


def without_ray(this: Idle) -> Plan[Action] | None:
    """An attempt is recorded for a session of Ray."""
    return this.unreachable() if this.ray is None else None


def without_checkpoints(this: Idle) -> Plan[Action] | None:
    """Whether there is one to go on from is not known."""
    seen = this.seen.checkpoints
    if not isinstance(seen, Away):
        return None
    return this.result("Unknown", SucceededReason.ARTIFACTS_UNREACHABLE, seen.cause, after=AWAY_SECONDS)


def storing(this: Idle) -> Plan[Action] | None:
    """The code of a ConfigMap is put where an attempt finds it."""
    code = this.seen.code
    if isinstance(code, Away) or code.unstored is None:
        return None
    message = "The code is being stored, under its digest"
    return this.result("Unknown", SucceededReason.PENDING, message, StoreSource(code.unstored), after=0)


def recording(this: Idle) -> Plan[Action] | None:
    """Write the intent; the next pass, which reads it, submits."""
    code, checkpoints, ray = this.seen.code, this.seen.checkpoints, this.ray
    assert ray is not None
    assert not isinstance(code, Away)
    assert not isinstance(checkpoints, Away)
    uid, number = this.job.metadata.uid, this.last.number + 1 if this.last is not None else 1
    attempt = Attempt(
        number=number,
        run=run_name(uid, number),
        submission_id=submission_id(uid, number),
        session=ray.session,
        spec_digest=this.digest,
        entrypoint=this.spec.entrypoint,
        config_map=config_map(this.job),
        source_revision=code.revision,
        rerun_token=rerun_token(this.job),
        retry=this.retry,
        resume_from=this.resume_from(checkpoints),
        state=AttemptState.PENDING,
        recorded_at=this.now,
    )
    this.status.attempts = bounded([*this.status.attempts, attempt])
    answer(this.status, attempt.rerun_token)
    this.status.progress = None
    this.status.progress_text = None
    this.status.dashboard_url = None
    return this.result("Unknown", SucceededReason.PENDING, f"Attempt {number} is being submitted", after=0)
