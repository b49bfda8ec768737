"""The pass over a job of which an attempt is under way: what Ray says of it, and how it ends. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from penstock.api.trainingjob import Attempt, AttemptState, Progress, TrainingJob
from penstock.api.trainingjobreasons import SucceededReason
from penstock.wiresize import shortened
from penstock_operator.loop.away import Away
from penstock_operator.loop.plan import Plan
from penstock_operator.ports import JobState
from penstock_operator.training.actions import Action
from penstock_operator.training.attempts import config_map, is_of
from penstock_operator.training.bounds import MESSAGE_BYTES, named_numbers
from penstock_operator.training.observed import Observed
from penstock_operator.training.passes import DOUBT_SECONDS, Pass


class UnderWay(Pass):
    """A pass, and its attempt as Ray shows it."""

    def __init__(self, job: TrainingJob, seen: Observed, now: datetime, since: datetime) -> None:
        super().__init__(job, seen, now, since)
        assert self.current is not None
        self.attempt: Attempt = self.current
        self.interrupted = (
            self.attempt.state is AttemptState.RUNNING and self.ray_job is not None and self.ray_job.interrupted
        )
        """Whether its Ray cluster is away: it ran, and would run again on another one."""
        self._follow_ray()
        self._follow_progress()
        self._follow_code()

    @property
    def absent(self) -> bool:
        """Whether Ray answers, and knows no such job."""
        return self.ray is not None and self.ray.job is None

    @property
    def over(self) -> bool:
        """Whether nothing of the attempt runs, or will."""
        attempt, ray = self.attempt, self.ray
        if ray is None:
            return False
        if ray.job is not None:
            return ray.job.state.terminal
        if attempt.submitted or attempt.state in (AttemptState.SUBMITTED, AttemptState.RUNNING):
            return True
        if attempt.session != ray.session:
            return True
        if attempt.state is AttemptState.STOPPING:
            return self.now >= max(attempt.stopping_since or self.since, self.since) + timedelta(seconds=DOUBT_SECONDS)
        # Who did not record it cannot know whether it was submitted since, and deleted.
        return ray.deletable and (attempt.recorded_at is None or attempt.recorded_at < self.since)

    @property
    def stale(self) -> bool:
        """Whether what changes the result has changed since the attempt was recorded; not while that is not known."""
        if isinstance(self.seen.code, Away) and self.attempt.spec_digest == self.digest:
            return False
        return not is_of(self.attempt, self.job, self._revision)

    def stop(self, reason: SucceededReason, message: str = "") -> Plan[Action]:
        """Write down that it is to be stopped."""
        attempt = self.attempt
        attempt.state, attempt.reason, attempt.message = AttemptState.STOPPING, str(reason), message
        attempt.stopping_since = self.now
        told = f"Attempt {attempt.number} is to be stopped ({reason}){f': {message}' if message else ''}"
        return self.result("Unknown", SucceededReason.STOPPING, told, after=0)

    def finish(self, state: AttemptState, reason: str, message: str = "") -> None:
        """It has ended so."""
        attempt = self.attempt
        attempt.state, attempt.finished_at, attempt.reason = state, self.now, reason
        attempt.message = shortened(message, MESSAGE_BYTES)

    @property
    def _revision(self) -> str | None:
        return None if isinstance(self.seen.code, Away) else self.seen.code.revision

    def _follow_ray(self) -> None:
        attempt, job = self.attempt, self.ray_job
        if job is None:
            return
        self.status.dashboard_url = job.dashboard_url or self.status.dashboard_url
        if job.state is JobState.RUNNING or (job.state.terminal and not job.unbegun):
            attempt.started_at = attempt.started_at or self.now
        if attempt.state is AttemptState.STOPPING:
            return
        if job.state is JobState.RUNNING:
            attempt.state = AttemptState.RUNNING
        elif attempt.state is AttemptState.PENDING:
            attempt.state = AttemptState.SUBMITTED

    def _follow_progress(self) -> None:
        progress = self.seen.progress
        if progress is None or isinstance(progress, Away):
            return
        self.status.progress = Progress(
            run=self.attempt.run,
            step=progress.step,
            total=progress.total,
            metrics=named_numbers(progress.metrics),
            updated_at=progress.time,
        )
        self.status.progress_text = f"{progress.step}/{progress.total}" if progress.total else str(progress.step)

    def _follow_code(self) -> None:
        """A ConfigMap of another name that holds the same code is the same."""
        if not self.stale and self._revision is not None:
            self.attempt.config_map = config_map(self.job)
