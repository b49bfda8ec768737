"""When a wait is over, and how far a job or a materialization is."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.api import KINDS, Materialization, StagedRun, TrainingJob
from penstock.cli.follow import job_step, materialization_step
from penstock.client import ends

JOB = {"source": {"type": "Path", "path": "/code"}, "entrypoint": "train.py"}
STAGED = {
    "materializationRef": {"name": "digits", "uid": "m"},
    "trainingRunRef": {"name": "r-2", "uid": "r"},
    "uri": "file:///r",
    "trainedAt": "2026-01-01T00:00:00Z",
    "digest": "sha256:0",
    "deadlineSeconds": 60,
    "retryLimit": 3,
    "gracePeriodSeconds": 60,
}
LATEST = {"run": "r-2", "stagedRunRef": {"name": "digits-r-2", "uid": "s"}}
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
    spec = {TrainingJob: JOB, Materialization: MAT, StagedRun: STAGED}[kind]
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


@pytest.mark.parametrize("kind", ends.ENDS)
def test_every_end_is_a_reason_of_its_condition(kind: str) -> None:
    for type_, reasons in ends.ENDS[kind].items():
        assert reasons <= set(KINDS[kind].CONDITIONS[type_])


def test_what_can_no_longer_come() -> None:
    refused = resource(Materialization, {"Staged": ("False", "GateFailed"), "Promoted": ("True", "Promoted")})
    assert ends.met(refused, ends.parse("Promoted"))
    assert ends.hopeless(refused, ends.parse("Ready")) is not None
    waiting = resource(Materialization, {"Staged": ("Unknown", "Staging")})
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
    ("conditions", "done", "failed"),
    [
        ({"Staged": ("True", "Staged"), "Promoted": ("True", "Promoted")}, True, False),
        ({"Staged": ("True", "Staged"), "Promoted": ("Unknown", "AwaitingPromotion")}, True, False),
        ({"Staged": ("True", "Staged"), "Promoted": ("False", "PinnedRunUnavailable")}, True, True),
        ({"Staged": ("Unknown", "Staging"), "Promoted": ("True", "Promoted")}, False, False),
        ({"Staged": ("False", "GateFailed"), "Promoted": ("True", "Promoted")}, True, True),
        ({"Staged": ("Unknown", "Suspended"), "Promoted": ("Unknown", "Suspended")}, True, False),
    ],
)
def test_how_far_a_materialization_is(conditions: Any, done: bool, failed: bool) -> None:
    mat = resource(Materialization, conditions, latest=LATEST)
    step = materialization_step(mat, "r-2")
    assert (step.done, step.failure is not None) == (done, failed)


@pytest.mark.parametrize("staged", [("True", "Staged"), ("False", "GateFailed")])
def test_what_became_of_an_older_run_does_not_end_the_newer_one(staged: tuple[str, str]) -> None:
    mat = resource(Materialization, {"Staged": staged, "Promoted": ("True", "Promoted")}, latest=LATEST)
    assert not materialization_step(mat, "r-3").done
    assert materialization_step(mat, "r-2").done
    assert materialization_step(mat, None).done


def test_a_staging_is_told_as_its_staged_run_tells_it() -> None:
    mat = resource(Materialization, {"Staged": ("Unknown", "Staging"), "Promoted": ("True", "Promoted")}, latest=LATEST)

    def step(reason: str, **status: Any) -> Any:
        return materialization_step(mat, "r-2", resource(StagedRun, {"Ready": ("Unknown", reason)}, **status))

    loading = step("Staging", progress="3/12", tries=1)
    assert (loading.text, loading.part, loading.whole, loading.done) == ("Staging (why) 3/12", 3, 12, False)
    assert step("Staging", progress="verifying", tries=1).whole == 0
    assert step("BackingOff", tries=2).text == "BackingOff (why), try 2"
    assert materialization_step(mat, "r-2").text == "Staging (why)"
    assert materialization_step(mat, "r-3", resource(StagedRun, {"Ready": ("True", "Staged")})).text == "Staging (why)"
