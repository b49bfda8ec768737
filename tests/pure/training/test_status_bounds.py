"""A job's status never outgrows what the Kubernetes API can store, and what a run reports never fails a pass."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from penstock.api.meta import ReconciledReason
from penstock.api.trainingjob import RERUN_ANNOTATION, Attempt, AttemptState, TrainingJob, TrainingJobStatus
from penstock.rundir.manifest import Manifest
from penstock.rundir.progress import Progress
from penstock.wiresize import wire_bytes
from penstock_operator.loop.reconciled import failing
from penstock_operator.ports import JobState, RayJob
from penstock_operator.training.actions import CreateRun
from penstock_operator.training.bounds import METRICS, STATUS_BYTES, named_numbers
from penstock_operator.training.observed import Broken, Observed, RaySeen
from penstock_operator.training.plan import plan

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
        self.runs: list[dict[str, Any]] = []

    def look(self, **seen: Any) -> Attempt | None:
        body = {"source": {"type": "Path", "path": "/code"}, "entrypoint": f"{COSTLY * 160}.py", **self.spec}
        meta = {
            "name": "digits",
            "namespace": "default",
            "uid": UID,
            "generation": 1,
            "annotations": {RERUN_ANNOTATION: f"{COSTLY * 60}{self.rerun}"},
        }
        job = TrainingJob.model_validate(
            {"kind": "TrainingJob", "metadata": meta, "spec": body, "status": self.status.to_wire()}
        )
        session = RaySeen("s" * 128, seen.pop("job", None), seen.pop("log_tail", ""))
        result = plan(job, replace(Observed(ray=session, run_uri="/runs/r"), **seen), NOW)
        self.runs += [action.object for action in result.actions if isinstance(action, CreateRun)]
        assert isinstance(result.status, TrainingJobStatus)
        self.status = TrainingJobStatus.model_validate(result.status.to_wire())
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
        made: Manifest | Broken = Broken("manifest.json is not there")
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
    job = Job(retry={"limit": 0})
    for _ in range(most(TrainingJobStatus, "reruns", "max_length") + 2):
        job.attempt(METRICS_OF_A_RUN)
    for _ in range(most(TrainingJobStatus, "attempts", "max_length") + 2):
        job.attempt(None)
    assert STATUS_BYTES / 8 < max(job.sizes) < STATUS_BYTES


def test_a_run_with_too_many_metrics_is_recorded_with_the_first_of_them_by_name() -> None:
    job = Job()
    job.attempt(METRICS_OF_A_RUN)
    assert [metric["name"][-3:] for metric in job.runs[0]["spec"]["metrics"]] == [f"{n:03}" for n in range(METRICS)]


def test_a_metric_whose_name_is_too_long_is_left_out_and_the_run_succeeds() -> None:
    job = Job()
    job.attempt({"loss": 0.5, "x" * 129: 1.0, "": 2.0})
    assert job.runs[0]["spec"]["metrics"] == [{"name": "loss", "value": "0.5"}]
    assert named_numbers({COSTLY * 22: 1.0}) == []
    assert len(named_numbers({COSTLY * 21: 1.0})) == 1
