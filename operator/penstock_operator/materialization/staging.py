"""Which run to stage, and where its staging is. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from penstock.api.materialization import (
    Materialization,
    MaterializationStatus,
    RunRecord,
    RunState,
    StagedReason,
)
from penstock.api.trainingjob import SuccessfulRun
from penstock.naming import run_uri, stage_uri, staging_id
from penstock.wiresize import shortened
from penstock_operator.loop.conditions import Truth
from penstock_operator.materialization.forgetting import note_ended
from penstock_operator.materialization.history import drop_errors
from penstock_operator.materialization.observed import Observed, Stage, StopStaging
from penstock_operator.materialization.outputs import planned_outputs, reported_outputs
from penstock_operator.materialization.room import MESSAGE_BYTES, full
from penstock_operator.materialization.targets import changed
from penstock_operator.ports import JobState, RayJob

POLL_SECONDS = 0.5
WATCHED_SECONDS = 10.0
"""Between looks at the progress of a staging whose end is told."""
RECHECK_SECONDS = 10.0
BACKOFF_SECONDS = 5
OUTCOMES = {"Rejected": StagedReason.GATE_FAILED, "Invalid": StagedReason.INVALID_OUTPUT}


@dataclass(frozen=True)
class Step:
    """What staging came to in this pass."""

    verdict: tuple[Truth, StagedReason, str]
    actions: Sequence[object] = ()
    after: float | None = None


def stage(mat: Materialization, status: MaterializationStatus, digest: str, seen: Observed, now: datetime) -> Step:
    """Go on with the staging that is under way, or record the next one; `status` is updated in place."""
    return _Staging(mat, status, digest, seen, now).step()


class _Staging:
    def __init__(
        self, mat: Materialization, status: MaterializationStatus, digest: str, seen: Observed, now: datetime
    ) -> None:
        self.mat, self.spec, self.status, self.digest, self.seen, self.now = mat, mat.spec, status, digest, seen, now

    def step(self) -> Step:
        record = next((r for r in self.status.runs if r.state is RunState.STAGING), None)
        if record is not None and record.submission_id:
            return self.follow(record)
        if record is not None and record.spec_digest != self.digest:
            return self.superseded(record)
        if self.spec.suspend:
            return self.wait(StagedReason.SUSPENDED, "Suspended by spec.suspend", after=None)
        if self.seen.missing:
            return Step(("False", StagedReason.MISSING_REFERENCE, self.seen.missing), after=RECHECK_SECONDS)
        newest = self.newest()
        if record is not None and newest is not None and newest.run != record.run:
            # Its tries may have left data in the stores.
            self.rejected(record, StagedReason.STAGING_FAILED)
            record = None
        if record is None:
            if newest is None:
                return self.wait(StagedReason.WAITING_FOR_RUN, self.waiting_message(), after=None)
            if (known := self.verdict(newest.run)) is not None:
                return self.settled(known)
        if (retry_at := self.status.retry_at) is not None and retry_at > self.now:
            message = record.message if record is not None else ""
            return self.wait(StagedReason.BACKING_OFF, message, after=(retry_at - self.now).total_seconds())
        if self.seen.not_ready:
            return self.wait(StagedReason.STORE_NOT_READY, self.seen.not_ready, after=RECHECK_SECONDS)
        if self.seen.session is None:
            return self.wait(StagedReason.RAY_UNREACHABLE, self.seen.ray_error, after=5.0)
        if record is None and full(self.status):
            return Step(("False", StagedReason.HISTORY_FULL, self.full_message()), after=RECHECK_SECONDS)
        return self.record(record, newest, self.seen.session)

    def wait(self, reason: StagedReason, message: str, after: float | None) -> Step:
        return Step(("Unknown", reason, message), after=after)

    def newest(self) -> SuccessfulRun | None:
        job = self.seen.job
        return job.status.runs[-1] if job is not None and job.status.runs else None

    def full_message(self) -> str:
        kept = sum(bool(record.outputs) for record in self.status.runs)
        why = f": {errors}" if (errors := drop_errors(self.status)) else ""
        return f"The status has room for no other staging before one of the {kept} that have data is dropped{why}"

    def waiting_message(self) -> str:
        return f"TrainingJob {self.spec.training_job_ref.name!r} has no successful run yet"

    def verdict(self, run: str) -> RunRecord | None:
        """The record by which a run was staged or refused for the spec as it is."""
        over = [
            record
            for record in self.status.runs
            if record.run == run
            and record.spec_digest == self.digest
            and record.state in (RunState.STAGED, RunState.REJECTED)
            and record.reason != StagedReason.SUPERSEDED
        ]
        return over[-1] if over else None

    def settled(self, record: RunRecord) -> Step:
        """The newest run was staged or refused before."""
        if record.state is RunState.REJECTED:
            reason = next((r for r in StagedReason if r == record.reason), StagedReason.STAGING_FAILED)
            return Step(("False", reason, record.message))
        message = f"Run {record.run} is staged and passed {record.gates_passed} gates"
        return Step(("True", StagedReason.STAGED, message))

    # The intent

    def record(self, record: RunRecord | None, newest: SuccessfulRun | None, session: str) -> Step:
        """Write the intent, with every name that it will create; the next pass submits."""
        if record is None:
            assert newest is not None
            record = self.fresh(newest.run)
        record.tries += 1
        record.submission_id = staging_id(self.mat.metadata.uid, record.run, record.staging, record.tries)
        record.session, record.submitted, record.started_at, record.stopping = session, False, None, ""
        targets = self.seen.targets
        record.outputs = planned_outputs(self.spec, self.status, targets, record.run, record.revision)
        self.status.retry_at = None
        return self.wait(StagedReason.STAGING, f"Run {record.run} is to be staged{self.again(record)}", after=0)

    def fresh(self, run: str) -> RunRecord:
        """A record of its own, with names of its own: what an earlier staging of the run made may be served."""
        uri, earlier = self.run_uri(run), [r.revision for r in self.status.runs if r.run == run]
        self.status.stagings += 1
        record = RunRecord(
            run=run,
            # Higher than that of a staging whose record is gone too: who still knows its names must not find others.
            revision=max(max(earlier) + 1, self.status.stagings - 1) if earlier else 0,
            staging=self.status.stagings,
            state=RunState.STAGING,
            uri=uri,
            stage_uri=stage_uri(uri, self.mat.metadata.uid, self.status.stagings),
            spec_digest=self.digest,
        )
        self.status.runs.append(record)
        return record

    def again(self, record: RunRecord) -> str:
        """Why a run is staged again, if it is."""
        before = [r for r in self.status.runs if r.run == record.run and r.revision < record.revision]
        return f" again, for {changed(before[-1], self.status.targets)} changed" if before else ""

    def run_uri(self, run: str) -> str:
        return run_uri(self.seen.artifacts, self.mat.metadata.namespace, self.spec.training_job_ref.name, run)

    # The staging is under way

    def follow(self, record: RunRecord) -> Step:
        if self.seen.report is not None:
            return self.superseded(record) if self.outdated(record) else self.reported(record)
        if self.seen.session is None:
            return self.wait(StagedReason.RAY_UNREACHABLE, self.seen.ray_error, after=5.0)
        job = self.seen.staging
        if job is None:
            return self.absent(record, self.seen.session)
        record.submitted = True
        if job.state is not JobState.PENDING:
            record.started_at = record.started_at or self.now
        if not job.state.terminal:
            return self.alive(record, job)
        if record.stopping or self.outdated(record):
            return self.stopped(record)
        if job.fault:
            return self.failed(record, f"The staging job failed: {job.fault}")
        if job.state is JobState.SUCCEEDED and self.seen.report_error:
            return self.failed(record, f"The staging job ended, and its report is corrupt: {self.seen.report_error}")
        what = "was stopped on Ray's side" if job.state is JobState.STOPPED else "failed"
        if job.state is JobState.SUCCEEDED:
            what = "ended without a report"
        return self.failed(record, f"The staging job {what}. Its last lines:\n{self.seen.log_tail or job.message}")

    def outdated(self, record: RunRecord) -> bool:
        """Whether what it was recorded for is another by now: what it finds decides nothing any more."""
        return record.spec_digest != self.digest

    def absent(self, record: RunRecord, session: str) -> Step:
        """Ray knows of no such job: not submitted yet, or lost."""
        if record.stopping or self.outdated(record):
            return self.stopped(record)
        if record.submitted or record.session != session:
            return self.failed(record, "Ray no longer knows the staging job")
        if self.seen.missing:
            return Step(("False", StagedReason.MISSING_REFERENCE, self.seen.missing), after=RECHECK_SECONDS)
        message = f"Run {record.run} is being submitted for staging"
        return Step(("Unknown", StagedReason.STAGING, message), (Stage(record, self.seen.targets),), POLL_SECONDS / 2)

    def alive(self, record: RunRecord, job: RayJob) -> Step:
        if record.stopping:
            message = f"The staging of run {record.run} is being stopped ({record.stopping})"
            return Step(("Unknown", StagedReason.STAGING, message), (StopStaging(record.submission_id),), 1.0)
        if job.lost:
            record.stopping, record.message = str(StagedReason.STAGING_FAILED), f"The staging job failed: {job.lost}"
            message = f"The staging of run {record.run} is to be stopped: {job.lost}"
            return self.wait(StagedReason.STAGING, message, after=0)
        if (reason := self.stop_reason(record)) is not None:
            record.stopping = str(reason)
            return self.wait(StagedReason.STAGING, f"The staging of run {record.run} is to be stopped ({reason})", 0)
        if record.started_at is None:
            message = f"Run {record.run} waits to be staged{f': {job.message}' if job.message else ''}"
            return self.wait(StagedReason.STAGING, message, after=job.look_seconds if job.watched else POLL_SECONDS)
        message = f"Run {record.run} is being staged{self.seen.progress}"
        poll = min(WATCHED_SECONDS, job.look_seconds or WATCHED_SECONDS) if job.watched else POLL_SECONDS
        left = (self.deadline(record.started_at) - self.now).total_seconds()
        return self.wait(StagedReason.STAGING, message, after=min(poll, left))

    def deadline(self, started_at: datetime) -> datetime:
        return started_at + timedelta(seconds=self.spec.staging_deadline_seconds)

    def stop_reason(self, record: RunRecord) -> StagedReason | None:
        if self.outdated(record):
            return StagedReason.SUPERSEDED
        overdue = record.started_at is not None and self.now >= self.deadline(record.started_at)
        return StagedReason.DEADLINE_EXCEEDED if overdue else None

    # The staging ends

    def stopped(self, record: RunRecord) -> Step:
        if record.stopping == StagedReason.STAGING_FAILED and not self.outdated(record):
            return self.failed(record, record.message)
        if record.stopping != StagedReason.DEADLINE_EXCEEDED or self.outdated(record):
            return self.superseded(record)
        lines = f" Its last lines:\n{self.seen.log_tail}" if self.seen.log_tail else ""
        seconds = self.spec.staging_deadline_seconds
        message = f"The staging took longer than {seconds} s (spec.stagingDeadlineSeconds) and was stopped.{lines}"
        return self.failed(record, message, StagedReason.DEADLINE_EXCEEDED)

    def failed(self, record: RunRecord, message: str, reason: StagedReason = StagedReason.STAGING_FAILED) -> Step:
        """A try failed for a cause outside the run."""
        record.message = shortened(message, MESSAGE_BYTES)
        note_ended(self.status, record.submission_id)
        record.submission_id = ""
        if record.tries <= self.spec.staging_retry_limit:
            wait = BACKOFF_SECONDS * 2 ** (record.tries - 1)
            self.status.retry_at = self.now + timedelta(seconds=wait)
            return self.wait(StagedReason.BACKING_OFF, record.message, after=wait)
        return self.rejected(record, reason)

    def reported(self, record: RunRecord) -> Step:
        report = self.seen.report
        assert report is not None
        note_ended(self.status, record.submission_id)
        record.gates, record.message = report.gates, report.message
        record.gates_passed = sum(gate.passed for gate in report.gates)
        record.gates_failed = len(report.gates) - record.gates_passed
        if report.outcome != "Staged":
            return self.rejected(record, OUTCOMES[report.outcome])
        record.outputs = reported_outputs(report.outputs, record.outputs)
        record.state, record.finished_at = RunState.STAGED, self.now
        self.status.retry_at = None
        return self.settled(record)

    def superseded(self, record: RunRecord) -> Step:
        """Give a staging up: what it was recorded for is another by now, and the next pass records it anew."""
        record.message = f"{changed(record, self.status.targets)} changed while run {record.run} was being staged"
        note_ended(self.status, record.submission_id)
        self.rejected(record, StagedReason.SUPERSEDED)
        return self.wait(StagedReason.SUPERSEDED, record.message, after=0)

    def rejected(self, record: RunRecord, reason: StagedReason) -> Step:
        """Refuse the run; what it left in the stores is dropped by the next pass, which reads this."""
        record.state, record.finished_at, record.reason = RunState.REJECTED, self.now, str(reason)
        record.retire_at = self.now
        self.status.retry_at = None
        return Step(("False", reason, record.message), after=0)
