"""When a wait is over, and how far a job or a materialization is."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.api import Materialization, TrainingJob
from penstock.cli.follow import job_step, materialization_step
from penstock.client import ends

JOB = {"source": {"type": "Path", "path": "/code"}, "entrypoint": "train.py"}
MAT = {
    "trainingJobRef": {"name": "digits"},
    "gates": [],
    "features": [{"name": "v", "output": "f", "featureViewRef": {"name": "v"}}],
}


def resource(kind: Any, conditions: dict[str, tuple[str, str]], observed: int = 2, **status: Any) -> Any:
    listed = [
        {
            "type": type_,
            "status": truth,
            "reason": reason,
            "message": "why",
            "observedGeneration": observed,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        for type_, (truth, reason) in conditions.items()
    ]
    spec = JOB if kind is TrainingJob else MAT
    metadata = {"name": "digits", "generation": 2}
    return kind.model_validate({"metadata": metadata, "spec": spec, "status": {"conditions": listed, **status}})


def test_what_is_awaited() -> None:
    assert ends.parse("Succeeded") == ends.parse("condition=Succeeded=true") == ends.Awaited("Succeeded", "True")
    for text in ("", "=True", "Ready=Maybe"):
        with pytest.raises(ValueError, match="cannot be awaited"):
            ends.parse(text)


def test_only_conditions_of_this_generation_count() -> None:
    awaited = ends.parse("Succeeded")
    assert ends.met(resource(TrainingJob, {"Succeeded": ("True", "Completed")}), awaited)
    assert not ends.met(resource(TrainingJob, {"Succeeded": ("True", "Completed")}, observed=1), awaited)
    stale = resource(TrainingJob, {"Succeeded": ("False", "AttemptsExhausted")}, observed=1)
    assert ends.hopeless(stale, awaited) is None


@pytest.mark.parametrize("kind", [TrainingJob, Materialization])
def test_every_end_is_a_reason_of_its_condition(kind: Any) -> None:
    for type_, reasons in ends.ENDS[kind.__name__].items():
        assert reasons <= set(kind.CONDITIONS[type_])


def test_what_can_no_longer_come() -> None:
    refused = resource(Materialization, {"Staged": ("False", "GateFailed"), "Promoted": ("True", "Promoted")})
    assert ends.met(refused, ends.parse("Promoted"))
    assert ends.hopeless(refused, ends.parse("Ready")) is not None
    waiting = resource(Materialization, {"Staged": ("Unknown", "BackingOff")})
    assert ends.hopeless(waiting, ends.parse("Staged")) is None
    done = resource(TrainingJob, {"Succeeded": ("True", "Completed")})
    assert ends.hopeless(done, ends.parse("Succeeded=False")) is not None


def test_how_far_a_job_is() -> None:
    progress = {"run": "r-1", "step": 3, "total": 12, "metrics": [{"name": "loss", "value": 0.4123}]}
    running = resource(
        TrainingJob, {"Succeeded": ("Unknown", "Running")}, progress=progress, progressText="3/12", latestRun="r-0"
    )
    step = job_step(running)
    assert (step.text, step.done, step.part, step.whole) == ("Running 3/12 loss=0.412", False, 3, 12)
    assert job_step(resource(TrainingJob, {})).text == "Pending"
    failed = job_step(resource(TrainingJob, {"Succeeded": ("False", "InvalidSource")}))
    assert failed.done
    assert failed.failure is not None


@pytest.mark.parametrize(
    ("conditions", "state", "done", "failed"),
    [
        ({"Staged": ("True", "Staged"), "Promoted": ("True", "Promoted")}, "Staged", True, False),
        ({"Staged": ("True", "Staged"), "Promoted": ("Unknown", "AwaitingPromotion")}, "Staged", True, False),
        ({"Staged": ("True", "Staged"), "Promoted": ("False", "PinnedRunUnavailable")}, "Staged", True, True),
        ({"Staged": ("Unknown", "Staging"), "Promoted": ("True", "Promoted")}, "Staging", False, False),
        ({"Staged": ("False", "GateFailed"), "Promoted": ("True", "Promoted")}, "Rejected", True, True),
        ({"Staged": ("Unknown", "Suspended"), "Promoted": ("Unknown", "Suspended")}, "Staging", True, False),
    ],
)
def test_how_far_a_materialization_is(conditions: Any, state: str, done: bool, failed: bool) -> None:
    mat = resource(Materialization, conditions, runs=[{"run": "r-2", "state": state}])
    step = materialization_step(mat, "r-2")
    assert (step.done, step.failure is not None) == (done, failed)


def test_an_older_run_being_served_does_not_end_the_newer_one() -> None:
    conditions = {"Staged": ("True", "Staged"), "Promoted": ("True", "Promoted")}
    mat = resource(Materialization, conditions, runs=[{"run": "r-1", "state": "Staged"}])
    assert not materialization_step(mat, "r-2").done
    assert materialization_step(mat, "r-1").done
