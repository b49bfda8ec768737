"""One source that is away holds back only what needs it: all else is decided without it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from training_house import NOW, UID, UP, after, attempt, job, last, manifest, message, ray, verdict

from penstock.api.trainingjob import AttemptState
from penstock_operator.loop.away import Away
from penstock_operator.ports import JobState
from penstock_operator.rayactions import STOP_SECONDS, Stop
from penstock_operator.training.actions import CreateRun, DeleteFiles
from penstock_operator.training.observed import Observed
from penstock_operator.training.passes import DOUBT_SECONDS
from penstock_operator.training.plan import plan

AWAY = Away("it did not answer")
STORE_AWAY = replace(UP, manifest=AWAY, progress=AWAY, code=AWAY, checkpoints=AWAY)
ALL_AWAY = replace(STORE_AWAY, ray=AWAY)
STOP = Stop(f"penstock-{UID}-1")
CAUSES: list[tuple[dict[str, Any], str]] = [
    ({"suspend": True}, "Suspended"),
    ({"args": ["--other"]}, "Superseded"),
    ({"attemptDeadlineSeconds": 10}, "DeadlineExceeded"),
]
LATE = NOW + timedelta(seconds=10)


@pytest.mark.parametrize(("spec", "reason"), CAUSES)
def test_an_attempt_is_stopped_whatever_the_artifact_store_says(spec: dict[str, Any], reason: str) -> None:
    running = job(attempt(AttemptState.RUNNING), **spec)
    marked = plan(running, ray(JobState.RUNNING, seen=STORE_AWAY), LATE)
    assert (last(marked).state, last(marked).reason, last(marked).stopping_since) == ("Stopping", reason, LATE)
    asked = plan(after(running, marked), ray(JobState.RUNNING, seen=STORE_AWAY), LATE)
    assert asked.actions == (STOP,)
    ended = plan(after(running, marked), ray(JobState.STOPPED, seen=STORE_AWAY), LATE)
    assert last(ended).state is (AttemptState.FAILED if reason == "DeadlineExceeded" else AttemptState.STOPPED)


@pytest.mark.parametrize(("spec", "reason"), CAUSES)
def test_that_an_attempt_is_to_be_stopped_is_decided_while_all_is_away(spec: dict[str, Any], reason: str) -> None:
    running = job(attempt(AttemptState.RUNNING), **spec)
    marked = plan(running, ALL_AWAY, LATE)
    assert (last(marked).state, last(marked).reason) == ("Stopping", reason)
    waits = plan(after(running, marked), ALL_AWAY, LATE)
    assert (waits.actions, verdict(waits)) == ((), ("Unknown", "RayUnreachable"))
    back = plan(after(running, marked), ray(JobState.RUNNING, seen=STORE_AWAY), LATE)
    assert back.actions == (STOP,)


@pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.FAILED])
def test_an_attempt_that_has_ended_is_not_judged_before_the_store_was_asked(state: JobState) -> None:
    running = job(attempt(AttemptState.RUNNING))
    waits = plan(running, ray(state, seen=STORE_AWAY), NOW)
    assert (last(waits).state, verdict(waits)) == ("Running", ("Unknown", "ArtifactsUnreachable"))
    assert "it did not answer" in message(waits)
    judged = plan(after(running, waits), replace(ray(state), manifest=manifest()), NOW)
    assert verdict(judged) == ("True", "Completed")


def test_a_stopped_attempt_whose_code_ended_well_is_judged_too() -> None:
    stopping = job(attempt(AttemptState.STOPPING, reason="Superseded"), args=["--other"])
    assert verdict(plan(stopping, ray(JobState.SUCCEEDED, seen=STORE_AWAY), NOW))[1] == "ArtifactsUnreachable"
    assert last(plan(stopping, ray(JobState.FAILED, seen=STORE_AWAY), NOW)).state is AttemptState.STOPPED


def test_a_suspended_job_rests_whatever_is_away() -> None:
    assert verdict(plan(job(suspend=True), ALL_AWAY, NOW)) == ("Unknown", "Suspended")


def test_a_complete_job_is_complete_whatever_is_away() -> None:
    result = plan(job(attempt(AttemptState.SUCCEEDED)), ALL_AWAY, NOW)
    assert (verdict(result), verdict(result, "Ready")) == (("True", "Completed"), ("True", "Complete"))


# Deletion

SECOND = timedelta(seconds=1)


def deleted(*, state: AttemptState = AttemptState.RUNNING, **fields: Any) -> Any:
    leaving = job(attempt(state, **fields))
    leaving.metadata.deletion_timestamp = NOW
    return leaving


@pytest.mark.parametrize("seen_after", [timedelta(0), timedelta(seconds=STOP_SECONDS), timedelta(days=3)])
def test_a_deletion_that_is_first_seen_late_stops_what_runs_all_the_same(seen_after: timedelta) -> None:
    """The operator was down, or the API server's clock is behind: the bound begins when a stop is asked for."""
    first = NOW + seen_after
    leaving = deleted()
    result = plan(leaving, ray(JobState.RUNNING, seen=STORE_AWAY), first)
    assert (result.actions, result.finalized) == ((STOP,), False)
    assert last(result).stopping_since == first
    leaving = after(leaving, result)
    last_wait = plan(leaving, ray(JobState.RUNNING), first + timedelta(seconds=STOP_SECONDS) - SECOND)
    assert (last_wait.actions, last_wait.finalized) == ((STOP,), False)
    given_up = plan(leaving, ray(JobState.RUNNING), first + timedelta(seconds=STOP_SECONDS))
    assert given_up.finalized
    assert STOP in given_up.cleanup
    assert DeleteFiles("0f3c2a10-1") not in given_up.cleanup
    assert UP.run_uri in given_up.notes[0]


def test_no_bound_of_a_deletion_counts_what_passed_while_nobody_looked() -> None:
    leaving = deleted()
    leaving = after(leaving, plan(leaving, ray(JobState.RUNNING), NOW))
    looks_since = NOW + timedelta(hours=1)
    assert not plan(leaving, ray(JobState.RUNNING), looks_since, looks_since).finalized
    assert not plan(leaving, ALL_AWAY, looks_since, looks_since).finalized
    assert plan(leaving, ALL_AWAY, looks_since + timedelta(seconds=STOP_SECONDS), looks_since).finalized


def test_a_ray_that_comes_back_when_the_patience_is_over_is_asked_to_stop_and_waited_for() -> None:
    leaving = deleted()
    leaving = after(leaving, plan(leaving, ALL_AWAY, NOW))
    late = NOW + timedelta(seconds=STOP_SECONDS)
    back = plan(leaving, ray(JobState.RUNNING), late)
    assert (back.actions, back.finalized) == ((STOP,), False)
    assert not plan(after(leaving, back), ray(JobState.RUNNING), late + SECOND).finalized


def test_deletion_ends_even_when_all_is_away() -> None:
    leaving = deleted()
    first = plan(leaving, ALL_AWAY, NOW)
    assert not first.finalized
    gone = plan(after(leaving, first), ALL_AWAY, NOW + timedelta(seconds=STOP_SECONDS))
    assert gone.finalized
    assert not [one for one in gone.cleanup if isinstance(one, DeleteFiles | Stop)]
    assert UP.run_uri in gone.notes[0]


# A submission in doubt


def unanswered(**spec: Any) -> Any:
    """Recorded, perhaps submitted, and not known to Ray."""
    return job(attempt(AttemptState.PENDING), **spec)


@pytest.mark.parametrize(("spec", "reason"), CAUSES[:2])
def test_a_submission_that_is_accepted_late_is_found_and_stopped(spec: dict[str, Any], reason: str) -> None:
    before = unanswered(**spec)
    marked = plan(before, UP, NOW)
    assert (last(marked).state, last(marked).reason) == ("Stopping", reason)
    waiting = after(before, marked)
    looks = plan(waiting, UP, NOW + timedelta(seconds=DOUBT_SECONDS) - SECOND)
    assert (last(looks).state, looks.requeue_after) == ("Stopping", 1)
    found = plan(waiting, ray(JobState.PENDING), NOW + SECOND)
    assert (found.actions, last(found).submitted) == ((STOP,), True)
    concluded = plan(waiting, UP, NOW + timedelta(seconds=DOUBT_SECONDS))
    assert last(concluded).state is AttemptState.STOPPED


def test_a_deletion_looks_again_for_a_submission_in_doubt() -> None:
    leaving = deleted(state=AttemptState.PENDING)
    first = plan(leaving, UP, NOW)
    assert not first.finalized
    found = plan(after(leaving, first), ray(JobState.RUNNING), NOW + SECOND)
    assert (found.actions, found.finalized) == ((STOP,), False)
    assert plan(after(leaving, first), UP, NOW + timedelta(seconds=DOUBT_SECONDS)).finalized


def test_a_submission_that_ray_was_seen_to_have_is_in_no_doubt() -> None:
    leaving = deleted(state=AttemptState.STOPPING)
    assert plan(leaving, UP, NOW).finalized
    assert last(plan(job(attempt(AttemptState.STOPPING), suspend=True), UP, NOW)).state is AttemptState.STOPPED


# An attempt of an old spec


@pytest.mark.parametrize("state", [AttemptState.RUNNING, AttemptState.STOPPING])
def test_the_run_of_an_old_spec_is_kept_and_makes_nothing_ready(state: AttemptState) -> None:
    changed = job(attempt(state), args=["--other"])
    changed.metadata.generation = 2
    ended = plan(changed, replace(ray(JobState.SUCCEEDED), manifest=manifest()), NOW)
    assert (verdict(ended), verdict(ended, "Ready")) == (("Unknown", "Superseded"), ("Unknown", "NotYet"))
    (made,) = ended.actions
    assert isinstance(made, CreateRun)
    begun = plan(after(changed, ended), UP, NOW)
    assert (last(begun).number, last(begun).state) == (2, AttemptState.PENDING)


def test_the_run_of_an_old_spec_need_not_have_the_outputs_of_the_new_one() -> None:
    changed = job(attempt(AttemptState.RUNNING), outputs=[{"name": "images", "kind": "Features"}])
    ended = plan(changed, replace(ray(JobState.SUCCEEDED), manifest=manifest()), NOW)
    assert last(ended).state is AttemptState.SUCCEEDED
    assert verdict(ended) == ("Unknown", "Superseded")


def test_what_does_not_change_the_result_leaves_a_new_generation_complete() -> None:
    changed = job(attempt(AttemptState.RUNNING), historyLimit=9, retry={"limit": 7})
    ended = plan(changed, replace(ray(JobState.SUCCEEDED), manifest=manifest()), NOW)
    assert verdict(ended) == ("True", "Completed")


def test_the_world_is_away_by_default() -> None:
    """A part that a plan forgets to ask for is not taken for one that has nothing."""
    assert isinstance(Observed().ray, Away)
    assert isinstance(Observed().manifest, Away)
