"""What a TrainingJob does while an attempt is under way: submit it, follow it, stop it, judge it. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from penstock.api.trainingjob import Attempt, AttemptState, Progress, SucceededReason, SuccessfulRun, TrainingJob
from penstock.wiresize import shortened
from penstock_operator.loop.plan import Plan
from penstock_operator.ports import JobState, RayJob
from penstock_operator.training.observed import Action, Observed, Stop, Submit, SweepSources
from penstock_operator.training.passes import POLL_SECONDS, Pass
from penstock_operator.training.room import MESSAGE_BYTES, named_numbers

WATCHED_SECONDS = 10.0
"""Between looks at the progress of an attempt whose end is told."""


def follow(job: TrainingJob, seen: Observed, now: datetime) -> Plan[Action]:
    """Go on with the attempt that is recorded and has not ended."""
    return _Following(job, seen, now).follow()


class _Following(Pass):
    def follow(self) -> Plan[Action]:
        attempt = self.current
        assert attempt is not None
        if self.seen.session is None:
            return self.unreachable()
        job = self.seen.job
        if job is None:
            return self.absent(attempt, self.seen.session)
        self.status.dashboard_url = job.dashboard_url or self.status.dashboard_url
        if job.state.terminal:
            return self.ended(attempt, job)
        return self.alive(attempt, job)

    def absent(self, attempt: Attempt, session: str) -> Plan[Action]:
        """Ray knows of no such job: not submitted yet, or lost."""
        if self.seen.manifest is not None:
            return self.succeeded(attempt)
        if attempt.state is AttemptState.STOPPING:
            return self.stopped(attempt)
        if attempt.state in (AttemptState.SUBMITTED, AttemptState.RUNNING):
            return self.failed(attempt, SucceededReason.ATTEMPT_LOST, "Ray no longer knows the attempt")
        if attempt.session != session:
            message = "Ray restarted between the recording of the attempt and its submission"
            return self.failed(attempt, SucceededReason.ATTEMPT_LOST, message)
        if (reason := self.stop_reason(attempt)) is not None:
            attempt.reason = str(reason)
            return self.stopped(attempt)
        message = f"Attempt {attempt.number} is being submitted"
        return self.result("Unknown", SucceededReason.PENDING, message, Submit(attempt), after=POLL_SECONDS / 4)

    def alive(self, attempt: Attempt, job: RayJob) -> Plan[Action]:
        self.show_progress(attempt)
        if attempt.state is AttemptState.STOPPING:
            return self.result(
                "Unknown",
                SucceededReason.STOPPING,
                f"Attempt {attempt.number} is being stopped ({attempt.reason})",
                Stop(attempt.submission_id),
                after=self.poll(job),
            )
        if job.lost:
            attempt.state, attempt.reason, attempt.message = AttemptState.STOPPING, SucceededReason.RAY_FAILED, job.lost
            message = f"Attempt {attempt.number} is to be stopped ({attempt.reason}): {job.lost}"
            return self.result("Unknown", SucceededReason.STOPPING, message, after=0)
        interrupted = attempt.state is AttemptState.RUNNING and job.interrupted
        if job.state is JobState.RUNNING:
            attempt.started_at = attempt.started_at or self.now
            attempt.state = AttemptState.RUNNING
        elif attempt.state is AttemptState.PENDING:
            attempt.state = AttemptState.SUBMITTED
        # An attempt runs once: on another Ray cluster it would find what it left.
        if (reason := SucceededReason.PREEMPTED if interrupted else self.stop_reason(attempt)) is not None:
            attempt.state, attempt.reason = AttemptState.STOPPING, str(reason)
            message = f"Attempt {attempt.number} is to be stopped ({reason})"
            return self.result("Unknown", SucceededReason.STOPPING, message, after=0)
        if attempt.state is AttemptState.SUBMITTED:
            message = f"Attempt {attempt.number} waits{f': {job.message}' if job.message else ' for Ray'}"
            after = job.look_seconds if job.watched else POLL_SECONDS
            return self.result("Unknown", SucceededReason.PENDING, message, after=after)
        message = f"Attempt {attempt.number} is running"
        after = self.poll(job)
        if (deadline := self.deadline(attempt)) is not None:
            after = min(after, (deadline - self.now).total_seconds())
        return self.result("Unknown", SucceededReason.RUNNING, message, after=after)

    def poll(self, job: RayJob) -> float:
        """Seconds until the next look at a job that runs."""
        return min(WATCHED_SECONDS, job.look_seconds or WATCHED_SECONDS) if job.watched else POLL_SECONDS

    def deadline(self, attempt: Attempt) -> datetime | None:
        seconds, since = self.spec.attempt_deadline_seconds, attempt.started_at
        return since + timedelta(seconds=seconds) if seconds is not None and since is not None else None

    def stop_reason(self, attempt: Attempt) -> SucceededReason | None:
        if self.spec.suspend:
            return SucceededReason.SUSPENDED
        if attempt.spec_digest != self.digest:
            return SucceededReason.SUPERSEDED
        deadline = self.deadline(attempt)
        return SucceededReason.DEADLINE_EXCEEDED if deadline is not None and self.now >= deadline else None

    def ended(self, attempt: Attempt, job: RayJob) -> Plan[Action]:
        attempt.started_at = attempt.started_at or self.now
        if self.seen.manifest is not None:
            return self.succeeded(attempt)
        if attempt.state is AttemptState.STOPPING:
            return self.stopped(attempt)
        if job.fault:
            return self.failed(attempt, SucceededReason.RAY_FAILED, job.fault)
        if job.state is JobState.STOPPED:
            return self.failed(attempt, SucceededReason.ATTEMPT_STOPPED, "The job was stopped on Ray's side")
        if job.state is JobState.SUCCEEDED:
            return self.failed(attempt, SucceededReason.INVALID_OUTPUT, self.seen.manifest_error)
        lines = self.seen.log_tail or job.message
        return self.failed(
            attempt, SucceededReason.ENTRYPOINT_FAILED, f"{self.spec.entrypoint} failed. Its last lines:\n{lines}"
        )

    # It ends

    def finish(self, attempt: Attempt, state: AttemptState) -> None:
        attempt.state, attempt.finished_at = state, self.now

    def succeeded(self, attempt: Attempt) -> Plan[Action]:
        manifest = self.seen.manifest
        assert manifest is not None
        self.finish(attempt, AttemptState.SUCCEEDED)
        attempt.reason, attempt.message = str(SucceededReason.COMPLETED), ""
        metrics = named_numbers(manifest.metrics)
        self.status.runs = [
            *(run for run in self.status.runs if run.run != attempt.run),
            SuccessfulRun(run=attempt.run, attempt=attempt.number, finished_at=self.now, metrics=metrics),
        ]
        self.status.latest_run = attempt.run
        self.show_progress(attempt)
        done = self.result("True", SucceededReason.COMPLETED, f"Run {attempt.run} is complete", after=0)
        return replace(done, cleanup=(SweepSources(),))

    def failed(self, attempt: Attempt, reason: SucceededReason, message: str) -> Plan[Action]:
        self.finish(attempt, AttemptState.FAILED)
        attempt.reason, attempt.message = str(reason), shortened(message, MESSAGE_BYTES)
        text = f"Attempt {attempt.number} failed ({reason}): {attempt.message}"
        return self.result("Unknown", SucceededReason.BACKING_OFF, text, after=0)

    def stopped(self, attempt: Attempt) -> Plan[Action]:
        if attempt.reason == SucceededReason.DEADLINE_EXCEEDED:
            seconds = self.spec.attempt_deadline_seconds
            lines = f" Its last lines:\n{self.seen.log_tail}" if self.seen.log_tail else ""
            message = f"It ran longer than {seconds} s (spec.attemptDeadlineSeconds) and was stopped.{lines}"
            return self.failed(attempt, SucceededReason.DEADLINE_EXCEEDED, message)
        if attempt.reason == SucceededReason.RAY_FAILED:
            return self.failed(attempt, SucceededReason.RAY_FAILED, attempt.message)
        self.finish(attempt, AttemptState.STOPPED)
        return self.result(
            "Unknown", SucceededReason.STOPPING, f"Attempt {attempt.number} was stopped ({attempt.reason})", after=0
        )

    def show_progress(self, attempt: Attempt) -> None:
        progress = self.seen.progress
        if progress is None:
            return
        self.status.progress = Progress(
            run=attempt.run,
            step=progress.step,
            total=progress.total,
            metrics=named_numbers(progress.metrics),
            updated_at=progress.time,
        )
        self.status.progress_text = f"{progress.step}/{progress.total}" if progress.total else str(progress.step)
