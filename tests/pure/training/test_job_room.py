"""A job's status never outgrows what the Kubernetes API can store, and what a run reports never fails a pass."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from penstock.api.meta import ReconciledReason
from penstock.api.trainingjob import (
    RERUN_ANNOTATION,
    Attempt,
    AttemptState,
    TrainingJob,
    TrainingJobSpec,
    TrainingJobStatus,
)
from penstock.rundir.manifest import Manifest
from penstock.rundir.progress import Progress
from penstock.wiresize import wire_bytes
from penstock_operator.loop.reconciled import failing
from penstock_operator.ports import JobState, RayJob
from penstock_operator.training.observed import Observed
from penstock_operator.training.plan import plan
from penstock_operator.training.room import METRICS, MOST_RUNS, NEWEST_RUNS, OLD_METRICS, STATUS_BYTES, named_numbers

NOW = datetime(2026, 1, 1, tzinfo=UTC)
UID = "0f3c2a10-5b1e-4c7e-9a55-2f6f0e8d1c11"
COSTLY = "<"
"""Six bytes on the wire."""
METRICS_OF_A_RUN = {f"{'m' * 125}{n:03}": 0.1234567890123456 + n for n in range(200)}


def most(model: Any, field: str, what: str) -> int:
    metadata = model.model_fields[field].metadata
    return next(int(getattr(one, what)) for one in metadata if getattr(one, what, None) is not None)


class Job:
    """A job that lives through attempts, pass by pass; nothing of it can ever be removed."""

    def __init__(self, **spec: Any) -> None:
        self.status, self.rerun, self.spec = TrainingJobStatus(), 0, spec
        self.sizes: list[int] = []

    def look(self, **seen: Any) -> Attempt | None:
        body = {"source": {"type": "Path", "path": "/code"}, "entrypoint": "train.py", **self.spec}
        meta = {"name": "digits", "namespace": "default", "uid": UID, "generation": 1}
        meta |= {"annotations": {RERUN_ANNOTATION: str(self.rerun)}}
        job = TrainingJob.model_validate(
            {"kind": "TrainingJob", "metadata": meta, "spec": body, "status": self.status.to_wire()}
        )
        kept = frozenset(run.run for run in self.status.runs)
        status = plan(job, replace(Observed(session="s" * 128, protected=kept), **seen), NOW).status
        assert isinstance(status, TrainingJobStatus)
        self.status = TrainingJobStatus.model_validate(status.to_wire())
        told = self.status.model_copy(deep=True)
        told.conditions = failing(told.conditions, ReconciledReason.CLEANUP_FAILED, COSTLY * 50_000, 1, NOW)
        self.sizes.append(wire_bytes(told.to_wire()))
        return self.status.attempts[-1] if self.status.attempts else None

    def attempt(self, metrics: dict[str, float] | None) -> None:
        """One more attempt; with metrics it succeeds."""
        self.rerun += 1
        attempt = self.look()
        assert attempt is not None
        assert attempt.state is AttemptState.PENDING
        progress = Progress(step=1, total=2, metrics=METRICS_OF_A_RUN, time=NOW)
        url = f"http://ray/{'u' * 1000}"
        ended = RayJob(attempt.submission_id, JobState.FAILED, dashboard_url=url)
        made = None
        if metrics is not None:
            made = Manifest(
                namespace="default",
                job="digits",
                uid=UID,
                attempt=attempt.number,
                run=attempt.run,
                entrypoint_digest="sha256:0",
                metrics=metrics,
                created_at=NOW,
            )
        self.look(job=ended, manifest=made, progress=progress, log_tail=COSTLY * 100_000)


def test_a_job_at_all_its_limits_fits() -> None:
    job = Job(historyLimit=most(TrainingJobSpec, "history_limit", "le"), retry={"limit": 0})
    for _ in range(MOST_RUNS + 4):
        job.attempt(METRICS_OF_A_RUN)
    for _ in range(most(TrainingJobStatus, "attempts", "max_length") + 2):
        job.attempt(None)
    assert STATUS_BYTES / 2 < max(job.sizes) < STATUS_BYTES
    assert len(job.status.runs) == MOST_RUNS == most(TrainingJobStatus, "runs", "max_length")
    kept = [len(run.metrics) for run in job.status.runs]
    assert kept == [OLD_METRICS] * (MOST_RUNS - NEWEST_RUNS) + [METRICS] * NEWEST_RUNS


def test_a_success_finds_room_beside_as_many_runs_as_a_history_may_have() -> None:
    limit = most(TrainingJobSpec, "history_limit", "le")
    job = Job(historyLimit=limit)
    for _ in range(limit + 1):
        job.attempt({"loss": 0.5})
    assert job.status.latest_run == job.status.runs[-1].run
    assert len(job.status.runs) == limit + 1


def test_a_metric_whose_name_is_too_long_is_left_out_and_the_run_succeeds() -> None:
    job = Job()
    job.attempt({"loss": 0.5, "x" * 129: 1.0, "": 2.0})
    assert [(metric.name, metric.value) for metric in job.status.runs[0].metrics] == [("loss", 0.5)]
    assert named_numbers({COSTLY * 22: 1.0}) == []
    assert len(named_numbers({COSTLY * 21: 1.0})) == 1
