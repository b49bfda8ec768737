"""What a RayJob brings into the plan of a TrainingJob: waits, pre-emption, faults, and clusters that are kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import training_house
from training_house import NOW, UID, after, attempt, last, message, verdict

from penstock.api.trainingjob import AttemptState, TrainingJob
from penstock_operator.ports import JobState
from penstock_operator.rayactions import Stop
from penstock_operator.training.actions import Release
from penstock_operator.training.beginning import RECHECK_SECONDS
from penstock_operator.training.following import WATCHED_SECONDS
from penstock_operator.training.observed import Code, Observed, RaySeen
from penstock_operator.training.plan import plan

LATER = NOW + timedelta(hours=5)
UP = replace(training_house.UP, ray=RaySeen("kuberay", deletable=True))
ray = partial(training_house.ray, seen=UP, watched=True)


def job(*states: AttemptState, **spec: Any) -> TrainingJob:
    """A job whose attempts are so; one that waits has not begun."""
    fields: dict[str, Any] = {"session": "kuberay", "of": training_house.job(**spec)}
    waits = {"started_at": None}
    made = [
        attempt(state, number, **fields, **(waits if state is AttemptState.SUBMITTED else {}))
        for number, state in enumerate(states, start=1)
    ]
    return training_house.job(*made, **spec)


def kept(seconds: int) -> Observed:
    """A Ray cluster is kept for the next attempt."""
    return replace(UP, ray=RaySeen("kuberay", kept_seconds=seconds, deletable=True))


def test_an_attempt_that_waits_says_for_what_and_is_not_running() -> None:
    result = plan(job(AttemptState.PENDING), ray(JobState.PENDING, message="Kueue has yet to admit it"), NOW)
    assert (last(result).state, last(result).started_at) == (AttemptState.SUBMITTED, None)
    assert verdict(result) == ("Unknown", "Pending")
    assert message(result) == "Attempt 1 waits: Kueue has yet to admit it"
    assert result.requeue_after is None


def test_the_deadline_counts_from_the_start_of_the_entrypoint() -> None:
    waiting = job(AttemptState.SUBMITTED, attemptDeadlineSeconds=60)
    assert last(plan(waiting, ray(JobState.PENDING), LATER)).state is AttemptState.SUBMITTED
    started = last(plan(waiting, ray(JobState.RUNNING), LATER))
    assert (started.state, started.started_at) == (AttemptState.RUNNING, LATER)


def test_a_running_attempt_is_looked_at_gently() -> None:
    result = plan(job(AttemptState.SUBMITTED), ray(JobState.RUNNING), NOW)
    assert (verdict(result)[1], result.requeue_after) == ("Running", WATCHED_SECONDS)


def test_the_same_look_twice_changes_nothing() -> None:
    for state, seen in ((AttemptState.PENDING, JobState.PENDING), (AttemptState.SUBMITTED, JobState.RUNNING)):
        before = job(state)
        first = plan(before, ray(seen), NOW)
        again = plan(after(before, first), ray(seen), LATER)
        assert again.status == first.status


def test_the_intent_and_the_submission_say_the_same() -> None:
    before = job()
    intent = plan(before, UP, NOW)
    submission = plan(after(before, intent), UP, NOW)
    assert submission.actions
    assert submission.status == intent.status


@pytest.mark.parametrize("state", [AttemptState.SUBMITTED, AttemptState.RUNNING])
def test_a_rayjob_that_is_gone_is_a_lost_attempt_and_not_made_again(state: AttemptState) -> None:
    result = plan(job(state), UP, NOW)
    assert result.actions == ()
    assert (last(result).state, last(result).reason) == (AttemptState.FAILED, "AttemptLost")


def test_an_attempt_that_ran_and_lost_its_cluster_is_stopped_before_it_begins_again() -> None:
    seen = ray(JobState.PENDING, interrupted=True)
    result = plan(job(AttemptState.RUNNING), seen, NOW)
    assert (last(result).state, last(result).reason) == (AttemptState.STOPPING, "Preempted")
    stopping = after(job(AttemptState.RUNNING), result)
    assert plan(stopping, seen, NOW).actions == (Stop(f"penstock-{UID}-1"),)
    stopped = plan(stopping, UP, NOW)
    assert last(stopped).state is AttemptState.STOPPED
    following = plan(after(stopping, stopped), UP, NOW)
    assert (last(following).number, last(following).retry) == (2, 0)


def test_an_attempt_whose_head_is_gone_is_stopped_and_has_failed() -> None:
    for state, ray_state in ((AttemptState.SUBMITTED, JobState.PENDING), (AttemptState.RUNNING, JobState.RUNNING)):
        seen = ray(ray_state, lost="The head pod is gone")
        result = plan(job(state), seen, NOW)
        assert (last(result).state, last(result).reason) == (AttemptState.STOPPING, "RayFailed")
        stopping = after(job(state), result)
        assert plan(stopping, seen, NOW).actions == (Stop(f"penstock-{UID}-1"),)
        failed = plan(stopping, UP, NOW)
        assert (last(failed).state, last(failed).message) == (AttemptState.FAILED, "The head pod is gone")
        waiting = plan(after(stopping, failed), UP, NOW)
        assert verdict(waiting)[1] == "BackingOff"


def test_an_attempt_is_looked_at_as_often_as_its_ray_asks() -> None:
    waiting = plan(job(AttemptState.SUBMITTED), ray(JobState.PENDING, look_seconds=10), NOW)
    assert waiting.requeue_after == 10
    silent = plan(job(AttemptState.RUNNING), ray(JobState.RUNNING, look_seconds=2), NOW)
    assert silent.requeue_after == 2


def test_an_attempt_that_has_not_run_may_wait_for_its_cluster() -> None:
    result = plan(job(AttemptState.SUBMITTED), ray(JobState.PENDING, interrupted=True), NOW)
    assert last(result).state is AttemptState.SUBMITTED


def test_a_fault_of_the_cluster_is_told_as_such() -> None:
    seen = ray(JobState.FAILED, message="m", fault="ValidationFailed: the name is too long")
    result = plan(job(AttemptState.SUBMITTED), seen, NOW)
    assert (last(result).reason, last(result).message) == ("RayFailed", "ValidationFailed: the name is too long")


@pytest.mark.parametrize(
    ("states", "spec"),
    [
        ([AttemptState.SUCCEEDED], {}),
        ([AttemptState.STOPPED], {"suspend": True}),
        ([AttemptState.FAILED], {"retry": {"limit": 0}}),
    ],
)
def test_a_kept_cluster_goes_when_no_attempt_is_to_come(states: list[AttemptState], spec: dict[str, Any]) -> None:
    idle, seen = job(*states, **spec), kept(300)
    early = plan(idle, seen, NOW + timedelta(seconds=100))
    assert (Release() in early.actions, early.requeue_after) == (False, 200)
    assert Release() in plan(idle, seen, NOW + timedelta(seconds=300)).actions
    assert plan(idle, UP, NOW + timedelta(seconds=300)).actions == ()


def test_a_kept_cluster_stays_for_a_retry() -> None:
    result = plan(job(AttemptState.FAILED), kept(0), NOW)
    assert Release() not in result.actions
    assert verdict(result)[1] == "BackingOff"


@pytest.mark.parametrize("blocked", [Code(invalid="no such file"), Code(missing="no ConfigMap")])
def test_a_kept_cluster_does_not_wait_for_a_spec_to_be_mended(blocked: Code) -> None:
    over = job(AttemptState.SUCCEEDED)
    over.status.attempts[-1].spec_digest = "of the spec before"
    seen = replace(kept(300), code=blocked)
    assert Release() not in plan(over, seen, NOW + timedelta(seconds=299)).actions
    last_second = plan(over, seen, NOW + timedelta(seconds=299))
    assert last_second.requeue_after == 1
    released = plan(over, seen, NOW + timedelta(seconds=300))
    assert Release() in released.actions
    assert released.requeue_after == RECHECK_SECONDS


def test_a_deadline_is_not_missed_by_a_look_that_comes_later() -> None:
    running = job(AttemptState.RUNNING, attemptDeadlineSeconds=5)
    assert plan(running, ray(JobState.RUNNING), NOW + timedelta(seconds=2)).requeue_after == 3
    assert plan(running, ray(JobState.RUNNING), NOW + timedelta(seconds=5)).status.attempts[-1].reason == (
        "DeadlineExceeded"
    )
    far = job(AttemptState.RUNNING, attemptDeadlineSeconds=3600)
    assert plan(far, ray(JobState.RUNNING), NOW).requeue_after == WATCHED_SECONDS
