"""Every transition of a TrainingJob: arrange what was observed, plan, assert actions and status."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from training_house import NOW, SESSION, UID, UP, after, attempt, job, last, manifest, message, ray, recorded, verdict

from penstock.api.trainingjob import AttemptState
from penstock.sources.archive import Archive
from penstock_operator.loop.away import Away
from penstock_operator.ports import JobState
from penstock_operator.rayactions import Forget, Stop
from penstock_operator.training.actions import CreateRun, DeleteFiles, DeleteRun, SetDeletionPolicy, StoreSource, Submit
from penstock_operator.training.observed import Broken, Code, Observed
from penstock_operator.training.plan import plan


def test_the_intent_is_written_before_the_submission() -> None:
    result = plan(job(), UP, NOW)
    (recorded,) = result.status.attempts
    assert (recorded.number, recorded.state, recorded.session) == (1, AttemptState.PENDING, SESSION)
    assert recorded.submission_id == f"penstock-{UID}-1"
    assert result.actions == ()
    assert verdict(result) == ("Unknown", "Pending")


def test_a_recorded_attempt_that_ray_does_not_know_is_submitted() -> None:
    pending = attempt(AttemptState.PENDING)
    assert plan(job(pending), UP, NOW).actions == (Submit(pending),)


def test_a_recorded_attempt_that_ray_knows_is_never_submitted_again() -> None:
    result = plan(job(attempt(AttemptState.PENDING)), ray(JobState.RUNNING), NOW)
    assert result.actions == ()
    assert result.status.attempts[-1].state is AttemptState.RUNNING
    assert verdict(result) == ("Unknown", "Running")


def test_an_attempt_recorded_for_another_ray_session_is_lost_and_not_submitted() -> None:
    result = plan(job(attempt(AttemptState.PENDING, session="session_0")), UP, NOW)
    assert result.actions == ()
    assert result.status.attempts[-1].state is AttemptState.FAILED
    assert result.status.attempts[-1].reason == "AttemptLost"


@pytest.mark.parametrize("state", [AttemptState.PENDING, AttemptState.RUNNING, AttemptState.STOPPING])
def test_nothing_is_concluded_while_ray_is_away(state: AttemptState) -> None:
    before = job(attempt(state))
    result = plan(before, Observed(ray=Away("no answer")), NOW)
    assert result.status.attempts == before.status.attempts
    assert result.actions == ()
    assert verdict(result) == ("Unknown", "RayUnreachable")


def test_success_needs_the_manifest() -> None:
    seen = replace(ray(JobState.SUCCEEDED), manifest=manifest())
    result = plan(job(attempt(AttemptState.RUNNING)), seen, NOW)
    assert result.status.latest_run == "0f3c2a10-1"
    (made,) = result.actions
    assert isinstance(made, CreateRun)
    assert made.object["metadata"]["name"] == "0f3c2a10-1"
    assert verdict(result) == ("True", "Completed")


def test_a_good_exit_without_a_manifest_is_a_failure() -> None:
    seen = replace(ray(JobState.SUCCEEDED), manifest=Broken("manifest.json is not there"))
    result = plan(job(attempt(AttemptState.RUNNING)), seen, NOW)
    assert (result.status.attempts[-1].state, result.status.attempts[-1].reason) == (
        AttemptState.FAILED,
        "InvalidOutput",
    )
    assert last(result).message == "manifest.json is not there"
    assert result.actions == ()


def test_a_manifest_without_a_declared_output_is_a_failure() -> None:
    outputs = {"outputs": [{"name": "images", "kind": "Features"}]}
    seen = replace(ray(JobState.SUCCEEDED), manifest=manifest())
    result = plan(job(attempt(AttemptState.RUNNING, of=job(**outputs)), **outputs), seen, NOW)
    assert (last(result).reason, result.actions) == ("InvalidOutput", ())
    assert "'images'" in last(result).message


def test_a_failure_carries_the_last_log_lines() -> None:
    seen = ray(JobState.FAILED, log_tail="ValueError: bad learning rate")
    result = plan(job(attempt(AttemptState.RUNNING)), seen, NOW)
    assert "ValueError: bad learning rate" in message(result)


def test_a_retry_waits_for_its_back_off_and_then_goes_on_from_the_checkpoint() -> None:
    failed = attempt(AttemptState.FAILED, reason="EntrypointFailed", message="boom")
    waiting = plan(job(failed, retry={"limit": 1, "backoffSeconds": 5}), UP, NOW + timedelta(seconds=2))
    assert verdict(waiting) == ("Unknown", "BackingOff")
    assert waiting.requeue_after == 3
    seen = replace(UP, checkpoints=frozenset({failed.run}))
    retried = plan(job(failed, retry={"limit": 1, "backoffSeconds": 5}), seen, NOW + timedelta(seconds=5))
    assert (retried.status.attempts[-1].number, retried.status.attempts[-1].retry) == (2, 1)
    assert retried.status.attempts[-1].resume_from == failed.run


def test_the_back_off_doubles_up_to_its_bound() -> None:
    spec = {"retry": {"limit": 9, "backoffSeconds": 10, "maxBackoffSeconds": 30}}
    waits = [plan(job(attempt(AttemptState.FAILED, retry=n), **spec), UP, NOW).requeue_after for n in range(4)]
    assert waits == [10, 20, 30, 30]


def test_after_the_last_retry_nothing_happens_until_the_spec_changes() -> None:
    failed = attempt(AttemptState.FAILED, retry=1, message="boom")
    result = plan(job(failed, retry={"limit": 1}), UP, NOW + timedelta(days=1))
    assert verdict(result) == ("False", "AttemptsExhausted")
    assert len(result.status.attempts) == 1
    assert verdict(result, "Ready") == ("False", "Failed")
    again = plan(job(failed, retry={"limit": 1}, args=["--again"]), UP, NOW + timedelta(days=1))
    assert (again.status.attempts[-1].number, again.status.attempts[-1].retry) == (2, 0)


def test_a_changed_spec_stops_the_attempt_and_takes_its_place() -> None:
    old = attempt(AttemptState.RUNNING)
    changed = job(old, params=[{"name": "epochs", "value": "3"}])
    marked = plan(changed, ray(JobState.RUNNING), NOW)
    assert marked.actions == ()
    assert marked.status.attempts[-1].state is AttemptState.STOPPING
    stopping = plan(
        job(marked.status.attempts[-1], params=[{"name": "epochs", "value": "3"}]), ray(JobState.RUNNING), NOW
    )
    assert stopping.actions == (Stop(old.submission_id),)
    stopped = plan(
        job(marked.status.attempts[-1], params=[{"name": "epochs", "value": "3"}]), ray(JobState.STOPPED), NOW
    )
    assert stopped.status.attempts[-1].state is AttemptState.STOPPED
    after = job(stopped.status.attempts[-1], params=[{"name": "epochs", "value": "3"}])
    assert plan(after, UP, NOW).status.attempts[-1].number == 2


def test_the_deadline_stops_and_counts_as_a_failure() -> None:
    running = attempt(AttemptState.RUNNING)
    late = NOW + timedelta(seconds=10)
    marked = plan(job(running, attemptDeadlineSeconds=10), ray(JobState.RUNNING), late)
    assert marked.status.attempts[-1].reason == "DeadlineExceeded"
    ended = plan(job(marked.status.attempts[-1], attemptDeadlineSeconds=10), ray(JobState.STOPPED), late)
    assert (ended.status.attempts[-1].state, ended.status.attempts[-1].reason) == (
        AttemptState.FAILED,
        "DeadlineExceeded",
    )


def test_suspend_stops_and_resume_does_not_count_a_retry() -> None:
    running = attempt(AttemptState.RUNNING)
    marked = plan(job(running, suspend=True), ray(JobState.RUNNING), NOW)
    stopped = plan(job(marked.status.attempts[-1], suspend=True), ray(JobState.STOPPED), NOW)
    assert verdict(plan(job(stopped.status.attempts[-1], suspend=True), UP, NOW)) == ("Unknown", "Suspended")
    resumed = plan(job(stopped.status.attempts[-1]), UP, NOW)
    assert (resumed.status.attempts[-1].number, resumed.status.attempts[-1].retry) == (2, 0)


def test_an_attempt_that_ray_forgot_is_lost_unless_its_manifest_is_whole() -> None:
    assert plan(job(attempt(AttemptState.RUNNING)), UP, NOW).status.attempts[-1].reason == "AttemptLost"
    seen = replace(UP, manifest=manifest())
    assert plan(job(attempt(AttemptState.RUNNING)), seen, NOW).status.latest_run == "0f3c2a10-1"


def test_runs_beyond_the_history_limit_go_unless_something_holds_them() -> None:
    done = job(attempt(AttemptState.SUCCEEDED, 3), historyLimit=1)
    first, second, third = recorded(1, held=True), recorded(2), recorded(3)
    result = plan(done, replace(UP, runs=(first, second, third)), NOW)
    assert result.cleanup == [DeleteRun(second)]
    assert result.conclude(()) == ""
    assert plan(done, replace(UP, runs=(first, third)), NOW).cleanup == []


@pytest.mark.parametrize("state", [AttemptState.RUNNING, AttemptState.SUCCEEDED])
def test_a_changed_deletion_policy_is_carried_to_the_runs_of_the_job(state: AttemptState) -> None:
    mine, told_already = recorded(1), recorded(2, deletion_policy="Retain")
    seen = replace(ray(JobState.RUNNING, 3), runs=(mine, told_already))
    result = plan(job(attempt(state, 3), deletionPolicy="Retain"), seen, NOW)
    assert result.actions == (SetDeletionPolicy(mine, "Retain"),)


def test_a_deleted_job_carries_its_policy_to_its_runs_before_it_goes() -> None:
    leaving = job(attempt(AttemptState.SUCCEEDED), deletionPolicy="Retain")
    leaving.metadata.deletion_timestamp = NOW
    result = plan(leaving, replace(UP, runs=(recorded(1),)), NOW)
    assert (result.finalized, result.actions) == (True, [SetDeletionPolicy(recorded(1), "Retain")])


def test_deletion_stops_first_then_removes_what_came_to_nothing() -> None:
    running = job(attempt(AttemptState.SUCCEEDED, 1), attempt(AttemptState.RUNNING, 2))
    running.metadata.deletion_timestamp = NOW
    stopping = plan(running, ray(JobState.RUNNING, 2), NOW)
    assert stopping.actions == (Stop(f"penstock-{UID}-2"),)
    assert not stopping.finalized
    gone = plan(after(running, stopping), ray(JobState.STOPPED, 2), NOW)
    assert gone.finalized
    forgotten = {Forget(f"penstock-{UID}-{number}") for number in (1, 2)}
    assert set(gone.cleanup) == {*forgotten, DeleteFiles("0f3c2a10-2")}


def test_a_deleted_job_that_retains_removes_no_directory() -> None:
    leaving = job(attempt(AttemptState.FAILED), deletionPolicy="Retain")
    leaving.metadata.deletion_timestamp = NOW
    assert not [one for one in plan(leaving, UP, NOW).cleanup if isinstance(one, DeleteFiles)]


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (replace(UP, code=Code(invalid="no train.py")), ("False", "InvalidSource")),
        (replace(UP, code=Code(missing="no ConfigMap")), ("Unknown", "MissingReference")),
        (replace(UP, missing_secret="no Secret"), ("Unknown", "MissingReference")),
        (Observed(ray=Away("down")), ("Unknown", "RayUnreachable")),
        (replace(UP, code=Away("down")), ("Unknown", "ArtifactsUnreachable")),
        (replace(UP, checkpoints=Away("down")), ("Unknown", "ArtifactsUnreachable")),
    ],
)
def test_nothing_is_recorded_before_an_attempt_could_run(seen: Observed, expected: tuple[str, str]) -> None:
    result = plan(job(), seen, NOW)
    assert verdict(result) == expected
    assert result.status.attempts == []


def test_code_is_stored_before_an_attempt_is_recorded() -> None:
    archive = Archive(b"", "sha256:1")
    first = plan(job(), replace(UP, code=Code(revision="sha256:1", unstored=archive)), NOW)
    assert first.actions == (StoreSource(archive),)
    assert first.status.attempts == []
    second = plan(job(), replace(UP, code=Code(revision="sha256:1")), NOW)
    assert second.actions == ()
    assert [attempt.source_revision for attempt in second.status.attempts] == ["sha256:1"]
