"""A submission that is wrong in itself ends the job until its spec is another."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from training_house import NO_MANIFEST, NOW, UP, after, attempt, job, last, message, verdict

from penstock.api.trainingjob import RERUN_ANNOTATION, AttemptState, TrainingJob
from penstock.client.ends import Awaited, hopeless
from penstock_operator.loop.plan import Plan
from penstock_operator.training.actions import Submit
from penstock_operator.training.plan import plan

CAUSE = 'The Kubernetes API answered 400: strict decoding error: unknown field "spec.volumez"'


def refused(before: TrainingJob | None = None) -> tuple[TrainingJob, Plan[Any]]:
    """A job whose recorded attempt was refused, and the plan that followed."""
    before = before or job(attempt(AttemptState.PENDING), retry={"limit": 0})
    submitting = plan(before, UP, NOW)
    assert isinstance(submitting.actions[0], Submit)
    assert submitting.refusal is not None
    result = submitting.refusal(CAUSE)
    return after(before, result), result


def generation(before: TrainingJob, number: int) -> TrainingJob:
    return before.model_copy(update={"metadata": before.metadata.model_copy(update={"generation": number})})


def test_the_job_has_failed_and_names_the_field() -> None:
    this, result = refused()
    assert (verdict(result), verdict(result, "Ready")) == (("False", "InvalidSpec"), ("False", "Failed"))
    assert message(result) == CAUSE
    assert last(result).state is AttemptState.FAILED
    this.status.observed_generation = this.metadata.generation
    ended = hopeless(this, Awaited("Succeeded"))
    assert ended is not None
    assert ended.message == CAUSE


def test_it_rests_until_the_spec_is_another() -> None:
    this, _ = refused()
    for _ in range(3):
        result = plan(this, replace(UP, manifest=NO_MANIFEST), NOW.replace(year=2027))
        assert (result.actions, result.requeue_after, verdict(result)) == ((), None, ("False", "InvalidSpec"))
        this = after(this, result)


def test_another_generation_is_tried_though_no_retry_is_left_and_the_result_is_the_same() -> None:
    this, _ = refused()
    mended = plan(generation(this, 2), UP, NOW.replace(year=2027))
    assert (last(mended).number, last(mended).retry, last(mended).state) == (2, 0, AttemptState.PENDING)


def test_a_rerun_tries_the_same_spec_again() -> None:
    this, _ = refused()
    again = job(*this.status.attempts, retry={"limit": 0}, annotations={RERUN_ANNOTATION: "now"})
    assert last(plan(again, UP, NOW)).number == 2
