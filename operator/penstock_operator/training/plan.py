"""From a TrainingJob and what was observed to its next status and actions. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from penstock.api.meta import DeletionPolicy, NamedNumber
from penstock.api.trainingjob import (
    Attempt,
    AttemptState,
    Progress,
    SucceededReason,
    SuccessfulRun,
    TrainingJob,
    TrainingJobSpec,
    TrainingJobStatus,
)
from penstock.naming import run_name, submission_id
from penstock_operator.digest import spec_digest
from penstock_operator.loop.conditions import Truth, with_condition
from penstock_operator.loop.reconciler import Plan
from penstock_operator.ports import JobState, RayJob
from penstock_operator.training.leftovers import bounded, leftovers
from penstock_operator.training.observed import (
    DeleteRun,
    Forget,
    Observed,
    Release,
    Stop,
    StoreSource,
    Submit,
    SweepSources,
)

RUN_FIELDS = ("source", "entrypoint", "args", "params", "env", "workers", "strategy", "ray", "outputs", "rerun")
"""The fields of the spec that define a run: a change of one is a new run."""

POLL_SECONDS = 1.0
WATCHED_SECONDS = 10.0
"""Between looks at the progress of an attempt whose end is told."""
RECHECK_SECONDS = 10.0
DELETION_SECONDS = 60

LIVE = (AttemptState.PENDING, AttemptState.SUBMITTED, AttemptState.RUNNING, AttemptState.STOPPING)


def run_digest(spec: TrainingJobSpec) -> str:
    """The digest of what defines a run."""
    return spec_digest(spec, RUN_FIELDS)


def current_attempt(job: TrainingJob) -> Attempt | None:
    """The attempt that is recorded and has not ended."""
    last = job.status.attempts[-1] if job.status.attempts else None
    return last if last is not None and last.state in LIVE else None


def is_complete(job: TrainingJob) -> bool:
    """Whether the newest attempt succeeded with the spec as it is: nothing is to begin."""
    last = job.status.attempts[-1] if job.status.attempts else None
    return last is not None and last.state is AttemptState.SUCCEEDED and last.spec_digest == run_digest(job.spec)


def plan(job: TrainingJob, seen: Observed, now: datetime) -> Plan:
    """What to do next."""
    pass_ = _Pass(job, seen, now)
    if job.metadata.deletion_timestamp is not None:
        return pass_.delete(job.metadata.deletion_timestamp)
    if pass_.current is not None:
        return pass_.follow(pass_.current)
    return pass_.begin()


class _Pass:
    """One plan in the making: a copy of the status, and the clock."""

    def __init__(self, job: TrainingJob, seen: Observed, now: datetime) -> None:
        self.job, self.spec, self.seen, self.now = job, job.spec, seen, now
        self.status: TrainingJobStatus = job.status.model_copy(deep=True)
        self.digest = run_digest(job.spec)
        attempts = self.status.attempts
        self.last = attempts[-1] if attempts else None
        self.current = self.last if self.last is not None and self.last.state in LIVE else None

    # What ends a pass

    def result(
        self, truth: Truth, reason: SucceededReason, message: str, *actions: object, after: float | None
    ) -> Plan:
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

    # No attempt is under way

    def begin(self) -> Plan:
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
            return self.result("False", SucceededReason.INVALID_SOURCE, code.invalid, after=RECHECK_SECONDS)
        if missing := self.seen.missing_secret or code.missing:
            return self.result("Unknown", SucceededReason.MISSING_REFERENCE, missing, after=RECHECK_SECONDS)
        if self.seen.session is None:
            return self.unreachable()
        if code.unstored is not None:
            message = "The code is being stored, under its digest"
            return self.result("Unknown", SucceededReason.PENDING, message, StoreSource(code.unstored), after=0)
        return self.record(retry, self.seen.session)

    def completed(self, last: Attempt) -> Plan:
        return self.idle("True", SucceededReason.COMPLETED, f"Run {last.run} is complete")

    def idle(self, truth: Truth, reason: SucceededReason, message: str) -> Plan:
        """No attempt is to come; a Ray cluster that waits for one goes when its time is over."""
        if self.seen.kept_seconds is None:
            return self.result(truth, reason, message, after=None)
        since = self.last.finished_at if self.last is not None and self.last.finished_at is not None else self.now
        left = (since + timedelta(seconds=self.seen.kept_seconds) - self.now).total_seconds()
        if left > 0:
            return self.result(truth, reason, message, after=left)
        return self.result(truth, reason, message, Release(), after=None)

    def retry_at(self, last: Attempt) -> datetime:
        policy = self.spec.retry
        wait = min(policy.backoff_seconds * 2**last.retry, policy.max_backoff_seconds)
        return (last.finished_at or self.now) + timedelta(seconds=wait)

    def record(self, retry: int, session: str) -> Plan:
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
            retry=retry,
            resume_from=self.resume_from(),
            state=AttemptState.PENDING,
        )
        self.status.attempts = bounded([*self.status.attempts, attempt])
        self.status.progress = None
        self.status.progress_text = None
        self.status.dashboard_url = None
        message = f"Attempt {number} is being submitted"
        return self.result("Unknown", SucceededReason.PENDING, message, after=0)

    def resume_from(self) -> str | None:
        if not self.spec.checkpoint.resume:
            return None
        for attempt in reversed(self.status.attempts):
            if attempt.state in LIVE:
                continue
            if attempt.spec_digest != self.digest or attempt.state is AttemptState.SUCCEEDED:
                return None
            if attempt.run in self.seen.checkpoints:
                return attempt.run
        return None

    # An attempt is under way

    def follow(self, attempt: Attempt) -> Plan:
        if self.seen.session is None:
            return self.unreachable()
        job = self.seen.job
        if job is None:
            return self.absent(attempt, self.seen.session)
        self.status.dashboard_url = job.dashboard_url or self.status.dashboard_url
        if job.state.terminal:
            return self.ended(attempt, job)
        return self.alive(attempt, job)

    def unreachable(self) -> Plan:
        return self.result(
            "Unknown", SucceededReason.RAY_UNREACHABLE, self.seen.ray_error or "Ray did not answer", after=5.0
        )

    def absent(self, attempt: Attempt, session: str) -> Plan:
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

    def alive(self, attempt: Attempt, job: RayJob) -> Plan:
        self.show_progress(attempt)
        if attempt.state is AttemptState.STOPPING:
            return self.result(
                "Unknown",
                SucceededReason.STOPPING,
                f"Attempt {attempt.number} is being stopped ({attempt.reason})",
                Stop(attempt.submission_id),
                after=self.poll(job),
            )
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
            return self.result("Unknown", SucceededReason.PENDING, message, after=None if job.watched else POLL_SECONDS)
        message = f"Attempt {attempt.number} is running"
        return self.result("Unknown", SucceededReason.RUNNING, message, after=self.poll(job))

    def poll(self, job: RayJob) -> float:
        """Seconds until the next look at a job that runs."""
        return WATCHED_SECONDS if job.watched else POLL_SECONDS

    def stop_reason(self, attempt: Attempt) -> SucceededReason | None:
        if self.spec.suspend:
            return SucceededReason.SUSPENDED
        if attempt.spec_digest != self.digest:
            return SucceededReason.SUPERSEDED
        deadline, since = self.spec.active_deadline_seconds, attempt.started_at
        overdue = deadline is not None and since is not None and self.now >= since + timedelta(seconds=deadline)
        return SucceededReason.DEADLINE_EXCEEDED if overdue else None

    def ended(self, attempt: Attempt, job: RayJob) -> Plan:
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

    # An attempt ends

    def finish(self, attempt: Attempt, state: AttemptState) -> None:
        attempt.state, attempt.finished_at = state, self.now

    def succeeded(self, attempt: Attempt) -> Plan:
        manifest = self.seen.manifest
        assert manifest is not None
        self.finish(attempt, AttemptState.SUCCEEDED)
        attempt.reason, attempt.message = str(SucceededReason.COMPLETED), ""
        metrics = [NamedNumber(name=name, value=value) for name, value in sorted(manifest.metrics.items())][:64]
        self.status.runs = [
            *(run for run in self.status.runs if run.run != attempt.run),
            SuccessfulRun(run=attempt.run, attempt=attempt.number, finished_at=self.now, metrics=metrics),
        ]
        self.status.latest_run = attempt.run
        self.show_progress(attempt)
        done = self.result("True", SucceededReason.COMPLETED, f"Run {attempt.run} is complete", after=0)
        return replace(done, cleanup=(SweepSources(),))

    def failed(self, attempt: Attempt, reason: SucceededReason, message: str) -> Plan:
        self.finish(attempt, AttemptState.FAILED)
        attempt.reason, attempt.message = str(reason), message[-8192:]
        text = f"Attempt {attempt.number} failed ({reason}): {attempt.message}"
        return self.result("Unknown", SucceededReason.BACKING_OFF, text, after=0)

    def stopped(self, attempt: Attempt) -> Plan:
        if attempt.reason == SucceededReason.DEADLINE_EXCEEDED:
            seconds = self.spec.active_deadline_seconds
            lines = f" Its last lines:\n{self.seen.log_tail}" if self.seen.log_tail else ""
            message = f"It ran longer than {seconds} s (spec.activeDeadlineSeconds) and was stopped.{lines}"
            return self.failed(attempt, SucceededReason.DEADLINE_EXCEEDED, message)
        self.finish(attempt, AttemptState.STOPPED)
        return self.result(
            "Unknown", SucceededReason.STOPPING, f"Attempt {attempt.number} was stopped ({attempt.reason})", after=0
        )

    def show_progress(self, attempt: Attempt) -> None:
        progress = self.seen.progress
        if progress is None:
            return
        metrics = [NamedNumber(name=name, value=value) for name, value in sorted(progress.metrics.items())][:64]
        self.status.progress = Progress(
            run=attempt.run, step=progress.step, total=progress.total, metrics=metrics, updated_at=progress.time
        )
        self.status.progress_text = f"{progress.step}/{progress.total}" if progress.total else str(progress.step)

    # The job is being deleted

    def delete(self, since: datetime) -> Plan:
        """Stop what runs, then remove what was made; bounded in time even when Ray is away."""
        overdue = self.now >= since + timedelta(seconds=DELETION_SECONDS)
        job = self.seen.job
        alive = self.current is not None and (self.seen.session is None or (job is not None and not job.state.terminal))
        if alive and not overdue:
            assert self.current is not None
            actions = [] if self.seen.session is None else [Stop(self.current.submission_id)]
            message = f"Attempt {self.current.number} is being stopped: the job is being deleted"
            return self.result("Unknown", SucceededReason.STOPPING, message, *actions, after=POLL_SECONDS)
        gone = {one.run for one in self.status.attempts if one.removed}
        runs = {one.run for one in self.status.attempts} | {run.run for run in self.status.runs}
        keeps = self.spec.deletion_policy is DeletionPolicy.RETAIN
        cleanup: list[object] = [] if keeps else [DeleteRun(run) for run in sorted(runs - gone - self.seen.protected)]
        if self.seen.session is not None:
            running = self.current if alive else None
            cleanup += [Forget(one.submission_id) for one in self.status.attempts if one is not running]
        cleanup.append(SweepSources())
        notes = [f"Attempt {self.current.number} was not seen to stop"] if alive and self.current is not None else []
        return Plan(self.status, cleanup=cleanup, finalized=True, notes=notes)
