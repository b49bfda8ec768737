"""What a TrainingJob does of which no attempt is under way: begin one, or wait, or rest. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from penstock.api.trainingjob import Attempt, AttemptState, SucceededReason, TrainingJob
from penstock.naming import run_name, submission_id
from penstock_operator.loop.conditions import Truth
from penstock_operator.loop.plan import Plan
from penstock_operator.training.leftovers import bounded
from penstock_operator.training.observed import Action, Observed, Release, StoreSource
from penstock_operator.training.passes import Pass
from penstock_operator.training.rerun import answer, rerun_token

RECHECK_SECONDS = 10.0


def begin(job: TrainingJob, seen: Observed, now: datetime) -> Plan[Action]:
    """Begin an attempt, if there is to be one."""
    return _Beginning(job, seen, now).begin()


class _Beginning(Pass):
    def begin(self) -> Plan[Action]:
        last = self.last if self.last is not None and self.last.spec_digest == self.digest else None
        self.status.retry_at = None
        self.status.progress = None if last is None else self.status.progress
        if last is not None and last.state is AttemptState.SUCCEEDED:
            return self.completed(last)
        if self.spec.suspend:
            return self.idle("Unknown", SucceededReason.SUSPENDED, "Suspended by spec.suspend")
        retry = 0
        if last is not None:
            retry = last.retry + (last.state is AttemptState.FAILED)
            if retry > self.spec.retry.limit:
                message = f"Attempt {last.number} was the last that spec.retry.limit allows: {last.message}"
                return self.idle("False", SucceededReason.ATTEMPTS_EXHAUSTED, message)
            if last.state is AttemptState.FAILED and (retry_at := self.retry_at(last)) > self.now:
                self.status.retry_at = retry_at
                wait = (retry_at - self.now).total_seconds()
                message = f"Attempt {last.number} failed ({last.reason}): {last.message}"
                return self.result("Unknown", SucceededReason.BACKING_OFF, message, after=wait)
        code = self.seen.code
        if code.invalid:
            return self.idle("False", SucceededReason.INVALID_SOURCE, code.invalid, RECHECK_SECONDS)
        if missing := self.seen.missing_secret or code.missing:
            return self.idle("Unknown", SucceededReason.MISSING_REFERENCE, missing, RECHECK_SECONDS)
        if self.seen.session is None:
            return self.unreachable()
        if code.unstored is not None:
            message = "The code is being stored, under its digest"
            return self.result("Unknown", SucceededReason.PENDING, message, StoreSource(code.unstored), after=0)
        return self.record(retry, self.seen.session)

    def completed(self, last: Attempt) -> Plan[Action]:
        return self.idle("True", SucceededReason.COMPLETED, f"Run {last.run} is complete")

    def idle(self, truth: Truth, reason: SucceededReason, message: str, recheck: float | None = None) -> Plan[Action]:
        """No attempt comes by itself; a Ray cluster that waits for one goes when its time is over."""
        if self.seen.kept_seconds is None:
            return self.result(truth, reason, message, after=recheck)
        since = self.last.finished_at if self.last is not None and self.last.finished_at is not None else self.now
        left = (since + timedelta(seconds=self.seen.kept_seconds) - self.now).total_seconds()
        if left > 0:
            return self.result(truth, reason, message, after=min(left, recheck or left))
        return self.result(truth, reason, message, Release(), after=recheck)

    def retry_at(self, last: Attempt) -> datetime:
        policy = self.spec.retry
        wait = min(policy.backoff_seconds * 2**last.retry, policy.max_backoff_seconds)
        return (last.finished_at or self.now) + timedelta(seconds=wait)

    def record(self, retry: int, session: str) -> Plan[Action]:
        """Write the intent; the next pass, which reads it, submits."""
        number = self.last.number + 1 if self.last is not None else 1
        uid = self.job.metadata.uid
        attempt = Attempt(
            number=number,
            run=run_name(uid, number),
            submission_id=submission_id(uid, number),
            session=session,
            spec_digest=self.digest,
            source_revision=self.seen.code.revision,
            rerun_token=rerun_token(self.job),
            retry=retry,
            resume_from=self.resume_from(),
            state=AttemptState.PENDING,
        )
        self.status.attempts = bounded([*self.status.attempts, attempt])
        answer(self.status, attempt.rerun_token)
        self.status.progress = None
        self.status.progress_text = None
        self.status.dashboard_url = None
        message = f"Attempt {number} is being submitted"
        return self.result("Unknown", SucceededReason.PENDING, message, after=0)
