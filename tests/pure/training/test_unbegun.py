"""What never began is not an attempt of the code: it is told apart, and counted apart."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from training_house import NOW, UP, after, attempt, job, last, ray, verdict

from penstock.api.trainingjob import AttemptState, TrainingJob
from penstock_operator.ports import JobState
from penstock_operator.training.actions import Submit
from penstock_operator.training.beginning import MOST_UNBEGUN_SECONDS, UNBEGUN_LIMIT
from penstock_operator.training.observed import RaySeen
from penstock_operator.training.plan import plan

CAUSE = "Job supervisor actor could not be scheduled: node doesn't exist any more"


def unbegun(before: TrainingJob, number: int) -> TrainingJob:
    seen = ray(JobState.FAILED, number, message=CAUSE, unbegun=CAUSE)
    return after(before, plan(before, seen, NOW))


def test_an_attempt_that_ray_could_not_begin_is_no_fault_of_the_code() -> None:
    failed = last(plan(job(attempt(AttemptState.SUBMITTED)), ray(JobState.FAILED, unbegun=CAUSE), NOW))
    assert (failed.state, failed.reason, failed.message) == ("Failed", "RayUnavailable", CAUSE)
    assert failed.unbegun


def test_a_ray_that_shuts_down_takes_no_retry_away() -> None:
    this = job(attempt(AttemptState.PENDING), retry={"limit": 1, "backoffSeconds": 1})
    now, waits = NOW, []
    for number in range(1, 5):
        this = unbegun(this, number)
        waiting = plan(this, UP, now)
        assert verdict(waiting) == ("Unknown", "BackingOff")
        waits.append(waiting.requeue_after)
        begun = plan(this, UP, now + timedelta(hours=1))
        assert (last(begun).number, last(begun).retry) == (number + 1, 0)
        this = after(this, begun)
    assert waits == [5, 10, 20, 40]
    code = after(this, plan(this, ray(JobState.FAILED, 5), NOW))
    assert last(plan(code, UP, NOW + timedelta(hours=1))).retry == 1


def test_a_ray_that_begins_nothing_is_given_up_after_a_bound_of_its_own() -> None:
    this = job(attempt(AttemptState.PENDING), retry={"limit": 0})
    for number in range(1, UNBEGUN_LIMIT + 1):
        this = unbegun(this, number)
        result = plan(this, UP, NOW + timedelta(seconds=MOST_UNBEGUN_SECONDS))
        if number < UNBEGUN_LIMIT:
            this = after(this, result)
    assert verdict(result) == ("False", "RayUnavailable")
    assert verdict(plan(after(this, result), UP, NOW + timedelta(days=9))) == ("False", "RayUnavailable")
    changed = job(*this.status.attempts, args=["--again"])
    assert verdict(plan(changed, UP, NOW)) == ("Unknown", "Pending")


# KubeRay: somebody may delete a RayJob

KUBERAY = replace(UP, ray=RaySeen("session_1", deletable=True))
RESTARTED = NOW + timedelta(minutes=1)


def test_what_this_operator_recorded_it_submits() -> None:
    recorded = attempt(AttemptState.PENDING)
    assert plan(job(recorded), KUBERAY, NOW, NOW).actions == (Submit(recorded),)


def test_what_another_operator_recorded_and_is_not_there_is_never_submitted_again() -> None:
    """It made the RayJob, ended before it knew, and somebody deleted the RayJob: or it never made it."""
    this = job(attempt(AttemptState.PENDING), retry={"limit": 0})
    result = plan(this, KUBERAY, RESTARTED, RESTARTED)
    assert (result.actions, last(result).reason) == ((), "AttemptLost")
    begun = plan(after(this, result), KUBERAY, RESTARTED + timedelta(seconds=5), RESTARTED)
    assert (last(begun).number, last(begun).retry) == (2, 0)


def test_an_operator_that_ends_often_gives_nothing_up() -> None:
    this = job(attempt(AttemptState.PENDING), retry={"limit": 0})
    for restart in range(1, UNBEGUN_LIMIT + 2):
        now = NOW + timedelta(hours=restart)
        this = after(this, plan(this, KUBERAY, now, now))
        this = after(this, plan(this, KUBERAY, now + timedelta(seconds=5), now))
    assert (this.status.attempts[-1].state, this.status.attempts[-1].retry) == (AttemptState.PENDING, 0)


def test_a_ray_whose_jobs_nobody_can_delete_before_they_end_is_sure() -> None:
    recorded = attempt(AttemptState.PENDING)
    assert plan(job(recorded), UP, RESTARTED, RESTARTED).actions == (Submit(recorded),)


@pytest.mark.parametrize("state", [JobState.PENDING, JobState.RUNNING])
def test_a_rayjob_that_is_there_after_a_restart_is_followed(state: JobState) -> None:
    result = plan(job(attempt(AttemptState.PENDING)), ray(state, seen=KUBERAY), RESTARTED, RESTARTED)
    assert (result.actions, last(result).submitted) == ((), True)
