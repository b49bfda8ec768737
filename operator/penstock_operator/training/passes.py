"""One plan of a TrainingJob in the making, and how every one of them ends. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from penstock.api.trainingjob import AttemptState, Resume, TrainingJob, TrainingJobStatus, asked_rerun
from penstock.api.trainingjobreasons import ReadyReason, SucceededReason
from penstock_operator.loop.away import Away
from penstock_operator.loop.conditions import Truth, stalled
from penstock_operator.loop.draft import Draft
from penstock_operator.loop.plan import Plan
from penstock_operator.ports import RayJob
from penstock_operator.training.actions import Action, SetDeletionPolicy
from penstock_operator.training.attempts import LIVE, current_attempt, run_digest
from penstock_operator.training.bounds import trim
from penstock_operator.training.leftovers import leftovers
from penstock_operator.training.observed import Observed, RaySeen

POLL_SECONDS = 1.0
AWAY_SECONDS = 5.0
"""Between looks at what did not answer."""
DOUBT_SECONDS = 30
"""For how long a submission that Ray does not know may still come to be accepted: its answer was lost on the way."""

READY: dict[Truth, ReadyReason] = {
    "True": ReadyReason.COMPLETE,
    "Unknown": ReadyReason.NOT_YET,
    "False": ReadyReason.FAILED,
}


class Pass(Draft):
    """A copy of the status, the world and the clock."""

    def __init__(self, job: TrainingJob, seen: Observed, now: datetime, since: datetime) -> None:
        self.job, self.spec, self.seen, self.now, self.since = job, job.spec, seen, now, since
        self.status: TrainingJobStatus = job.status.model_copy(deep=True)
        self.generation = job.metadata.generation
        self.digest = run_digest(job)
        self.last = self.status.attempts[-1] if self.status.attempts else None
        self.current = current_attempt(self.status)
        if self.current is not None and self.ray_job is not None:
            self.current.submitted = True

    @property
    def ray(self) -> RaySeen | None:
        """What Ray says, if it answers."""
        return None if isinstance(self.seen.ray, Away) else self.seen.ray

    @property
    def ray_job(self) -> RayJob | None:
        """The Ray job of the current attempt, if Ray answers and knows it."""
        return self.ray.job if self.ray is not None else None

    def result(
        self, truth: Truth, reason: SucceededReason, message: str, *actions: Action, after: float | None
    ) -> Plan[Action]:
        """The plan that says so; where no attempt was under way, what is left of earlier ones goes."""
        trim(self.status)
        self.status.observed_rerun_token = asked_rerun(self.job)
        self.condition("Succeeded", truth, reason, message)
        self.condition("Ready", truth, READY[truth], "")
        self.status.conditions = stalled(
            self.status.conditions,
            str(reason) if truth == "False" else None,
            generation=self.generation,
            now=self.now,
        )
        carried = (*actions, *self.carried_policies())
        if self.current is not None:
            return Plan(self.status, carried, after)
        left = leftovers(self.status, self.spec.history_limit, self.needed(), self.seen)
        return Plan(self.status, carried, after, cleanup=left.actions, conclude=left.conclude)

    def carried_policies(self) -> Sequence[SetDeletionPolicy]:
        """What gives the job's runs the deletion policy of the job."""
        policy = self.spec.deletion_policy
        return [SetDeletionPolicy(run, policy) for run in self.seen.runs if run.deletion_policy != policy]

    def needed(self) -> set[str]:
        """The runs without a manifest that are of use: what the next attempt goes on from, and the newest."""
        if self.last is None or self.last.state is AttemptState.SUCCEEDED:
            return set()
        checkpoints = self.seen.checkpoints
        if isinstance(checkpoints, Away):
            # Any of them may have what the next attempt goes on from.
            return {attempt.run for attempt in self.status.attempts}
        return {run for run in (self.last.run, self.resume_from(checkpoints)) if run is not None}

    def resume_from(self, checkpoints: frozenset[str]) -> str | None:
        """The run whose checkpoint the next attempt goes on from."""
        if self.spec.checkpoint.resume is Resume.NEVER:
            return None
        for attempt in reversed(self.status.attempts):
            if attempt.state in LIVE:
                continue
            if attempt.spec_digest != self.digest or attempt.state is AttemptState.SUCCEEDED:
                return None
            if attempt.run in checkpoints:
                return attempt.run
        return None

    def unreachable(self) -> Plan[Action]:
        """Ray is waited for: without it nothing is submitted, and no end is seen."""
        cause = self.seen.ray.cause if isinstance(self.seen.ray, Away) else ""
        return self.result(
            "Unknown", SucceededReason.RAY_UNREACHABLE, cause or "Ray did not answer", after=AWAY_SECONDS
        )
