"""One plan of a TrainingJob in the making, and how every one of them ends. Pure."""

from __future__ import annotations

from datetime import datetime

from penstock.api.trainingjob import AttemptState, Resume, SucceededReason, TrainingJob, TrainingJobStatus, asked_rerun
from penstock_operator.loop.conditions import Truth, with_condition
from penstock_operator.loop.plan import Plan
from penstock_operator.training.attempts import LIVE, current_attempt, run_digest
from penstock_operator.training.leftovers import leftovers
from penstock_operator.training.observed import Action, Observed
from penstock_operator.training.room import trim

POLL_SECONDS = 1.0


class Pass:
    """A copy of the status, the world and the clock."""

    def __init__(self, job: TrainingJob, seen: Observed, now: datetime) -> None:
        self.job, self.spec, self.seen, self.now = job, job.spec, seen, now
        self.status: TrainingJobStatus = job.status.model_copy(deep=True)
        self.digest = run_digest(job)
        self.last = self.status.attempts[-1] if self.status.attempts else None
        self.current = current_attempt(self.status)

    def result(
        self, truth: Truth, reason: SucceededReason, message: str, *actions: Action, after: float | None
    ) -> Plan[Action]:
        """The plan that says so; where no attempt was under way, what is left of earlier ones goes."""
        trim(self.status)
        self.status.observed_rerun_token = asked_rerun(self.job)
        self.status.conditions = with_condition(
            self.status.conditions,
            "Succeeded",
            truth,
            reason,
            message,
            generation=self.job.metadata.generation,
            now=self.now,
        )
        if self.current is not None:
            return Plan(self.status, actions, after)
        left = leftovers(self.status, self.spec.history_limit, self.needed(), self.seen)
        return Plan(self.status, actions, after, cleanup=left.actions, settle=left.settle)

    def needed(self) -> set[str]:
        """The runs without a manifest that are of use: what the next attempt goes on from, and the newest."""
        if self.last is None or self.last.state is AttemptState.SUCCEEDED:
            return set()
        return {run for run in (self.last.run, self.resume_from()) if run is not None}

    def resume_from(self) -> str | None:
        """The run whose checkpoint the next attempt goes on from."""
        if self.spec.checkpoint.resume is Resume.NEVER:
            return None
        for attempt in reversed(self.status.attempts):
            if attempt.state in LIVE:
                continue
            if attempt.spec_digest != self.digest or attempt.state is AttemptState.SUCCEEDED:
                return None
            if attempt.run in self.seen.checkpoints:
                return attempt.run
        return None

    def unreachable(self) -> Plan[Action]:
        """Ray is waited for: without it nothing is submitted or judged."""
        return self.result(
            "Unknown", SucceededReason.RAY_UNREACHABLE, self.seen.ray_error or "Ray did not answer", after=5.0
        )
