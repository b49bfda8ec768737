"""A rerun is asked for by an annotation: once for each token, whatever is reverted."""

from __future__ import annotations

import pytest
from training_house import NOW, UID, UP, ray

from penstock.api.trainingjob import RERUN_ANNOTATION, AttemptState, TrainingJob, TrainingJobStatus
from penstock_operator.ports import JobState
from penstock_operator.training.observed import Observed
from penstock_operator.training.plan import plan


class Job:
    """A job whose attempts all end as told, pass by pass."""

    def __init__(self) -> None:
        self.status, self.token, self.args = TrainingJobStatus(), "", [""]

    def look(self, seen: Observed = UP) -> TrainingJobStatus:
        annotations = {RERUN_ANNOTATION: self.token} if self.token else {}
        job = TrainingJob.model_validate(
            {
                "metadata": {"name": "digits", "uid": UID, "generation": 1, "annotations": annotations},
                "spec": {
                    "source": {"type": "Path", "path": "/code"},
                    "entrypoint": "train.py",
                    "args": self.args,
                    "retry": {"limit": 1, "backoffSeconds": 0},
                },
                "status": self.status.to_wire(),
            }
        )
        found = plan(job, seen, NOW).status
        assert isinstance(found, TrainingJobStatus)
        self.status = found
        return found

    def ask(self, token: str) -> int:
        """How many attempts there are once this token stood long enough, each of them a success."""
        self.token = token
        for _ in range(3):
            status = self.look()
            if status.attempts[-1].state is AttemptState.PENDING:
                status.attempts[-1].state = AttemptState.SUCCEEDED
        return self.status.attempts[-1].number


def test_each_token_starts_one_run_and_a_revert_starts_none() -> None:
    job = Job()
    assert [job.ask(token) for token in ("", "a", "a", "b", "", "a", "b", "c", "a")] == [1, 2, 2, 3, 3, 3, 3, 4, 4]
    assert job.status.reruns == ["a", "b", "c"]


def test_a_job_that_comes_with_a_token_runs_once_and_answers_it() -> None:
    job = Job()
    assert [job.ask(token) for token in ("a", "", "a")] == [1, 1, 1]
    assert job.status.attempts[-1].rerun_token == "a"


def test_a_token_is_answered_though_its_attempts_are_no_longer_listed() -> None:
    job = Job()
    numbers = [job.ask(f"t-{n}") for n in range(30)]
    assert numbers == list(range(1, 31))
    assert len(job.status.attempts) == 20
    assert job.ask("t-0") == 30


def test_a_changed_spec_is_a_run_of_the_same_token() -> None:
    job = Job()
    job.ask("a")
    job.args = ["--slow"]
    assert (job.ask("a"), job.status.attempts[-1].rerun_token) == (2, "a")
    assert job.ask("") == 2


def test_a_rerun_takes_the_place_of_an_attempt_that_runs() -> None:
    job = Job()
    job.look()
    job.token = "again"
    job.look(ray(JobState.RUNNING))
    assert job.status.attempts[-1].state is AttemptState.STOPPING
    assert job.status.attempts[-1].reason == "Superseded"


def test_a_retry_answers_the_same_token() -> None:
    job = Job()
    job.token = "a"
    job.look().attempts[-1].state = AttemptState.FAILED
    retried = job.look().attempts[-1]
    assert (retried.number, retried.retry, retried.rerun_token) == (2, 1, "a")
    retried.state = AttemptState.FAILED
    assert len(job.look().attempts) == 2


@pytest.mark.parametrize("token", ["x" * 64, "x" * 5000])
def test_a_token_of_any_length_is_answered_once(token: str) -> None:
    job = Job()
    assert [job.ask(one) for one in (token, "b", token)] == [1, 2, 2]
    TrainingJobStatus.model_validate(job.status.to_wire())


def test_the_status_says_which_token_it_speaks_of() -> None:
    job = Job()
    assert job.look().observed_rerun_token is None
    job.token = "a"
    assert job.look(ray(JobState.RUNNING)).observed_rerun_token == "a"
