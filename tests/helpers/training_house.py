"""TrainingJobs, their attempts, and what is seen around them, for tests of plans."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from penstock.api.trainingjob import Attempt, AttemptState, TrainingJob
from penstock.rundir.manifest import Manifest
from penstock_operator.loop.conditions import find
from penstock_operator.loop.plan import Plan
from penstock_operator.ports import JobState, RayJob
from penstock_operator.training.attempts import run_digest
from penstock_operator.training.observed import Broken, Observed, RaySeen, RecordedRun

NOW = datetime(2026, 1, 1, tzinfo=UTC)
UID = "0f3c2a10-5b1e-4c7e-9a55-2f6f0e8d1c11"
SESSION = "session_1"
NO_MANIFEST = Broken("manifest.json is not there")
UP = Observed(ray=RaySeen(SESSION), run_uri="/runs/default/digits/0f3c2a10-1", manifest=NO_MANIFEST)
"""Ray and the artifact store answer, and have nothing."""
OVER = (AttemptState.FAILED, AttemptState.STOPPED, AttemptState.SUCCEEDED)


def job(*attempts: Attempt, annotations: dict[str, str] | None = None, **spec: object) -> TrainingJob:
    return TrainingJob.model_validate(
        {
            "kind": "TrainingJob",
            "metadata": {
                "name": "digits",
                "namespace": "default",
                "uid": UID,
                "generation": 1,
                "annotations": annotations or {},
            },
            "spec": {"source": {"type": "Path", "path": "/code"}, "entrypoint": "train.py", **spec},
            "status": {"attempts": [attempt.model_dump(by_alias=True) for attempt in attempts]},
        }
    )


def attempt(state: AttemptState, number: int = 1, of: TrainingJob | None = None, **fields: object) -> Attempt:
    """An attempt of the spec as `job()` has it, or of the job that it is given."""
    values: dict[str, object] = {
        "number": number,
        "run": f"0f3c2a10-{number}",
        "submission_id": f"penstock-{UID}-{number}",
        "session": SESSION,
        "spec_digest": run_digest(of or job()),
        "entrypoint": "train.py",
        "recorded_at": NOW,
        "state": state,
    }
    if state is not AttemptState.PENDING:
        values |= {"started_at": NOW, "submitted": True}
    if state is AttemptState.STOPPING:
        values["stopping_since"] = NOW
    if state in OVER:
        values["finished_at"] = NOW
    return Attempt.model_validate({**values, **fields})


def ray(state: JobState, number: int = 1, *, log_tail: str = "", seen: Observed = UP, **fields: Any) -> Observed:
    """Ray has the job, in this state."""
    fields.setdefault("message", "message of Ray")
    found = RayJob(f"penstock-{UID}-{number}", state, **fields)
    assert isinstance(seen.ray, RaySeen)
    return replace(seen, ray=replace(seen.ray, job=found, log_tail=log_tail))


def manifest(number: int = 1, **fields: Any) -> Manifest:
    return Manifest(
        **{
            "namespace": "default",
            "job": "digits",
            "uid": UID,
            "attempt": number,
            "run": f"0f3c2a10-{number}",
            "entrypoint_digest": "sha256:0",
            "metrics": {"accuracy": 0.97},
            "created_at": NOW,
            **fields,
        }
    ).signed()


def recorded(number: int, **fields: Any) -> RecordedRun:
    """A TrainingRun of the job."""
    return RecordedRun(**{"name": f"0f3c2a10-{number}", "attempt": number, "deletion_policy": "Delete", **fields})


def after(before: TrainingJob, result: Plan[Any]) -> TrainingJob:
    """The job once a plan's status is written."""
    return before.model_copy(update={"status": result.status.model_copy(deep=True)})


def last(result: Plan[Any]) -> Attempt:
    found: Attempt = result.status.attempts[-1]
    return found


def verdict(result: Plan[Any], type_: str = "Succeeded") -> tuple[str, str]:
    condition = find(result.status.conditions, type_)
    assert condition is not None
    return condition.status, condition.reason


def message(result: Plan[Any]) -> str:
    condition = find(result.status.conditions, "Succeeded")
    assert condition is not None
    return condition.message
