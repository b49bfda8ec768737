"""Run directories and Ray jobs of ended attempts go when nobody needs them any more."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from penstock.api.trainingjob import Attempt, AttemptState, TrainingJob
from penstock_operator.loop.away import Away
from penstock_operator.loop.plan import Plan
from penstock_operator.ports import Unreachable
from penstock_operator.rayactions import Forget
from penstock_operator.training.actions import DeleteFiles
from penstock_operator.training.attempts import run_digest
from penstock_operator.training.leftovers import KEPT_LOGS, MAX_ATTEMPTS, bounded
from penstock_operator.training.observed import Observed, RaySeen
from penstock_operator.training.plan import plan

NOW = datetime(2026, 1, 1, tzinfo=UTC)
UP = Observed(ray=RaySeen("session_1"))
S, F, P = AttemptState.SUCCEEDED, AttemptState.FAILED, AttemptState.STOPPED


def job(*states: AttemptState, **spec: object) -> TrainingJob:
    """A job whose attempts ended so, all of the spec as it is."""
    made = TrainingJob.model_validate(
        {
            "kind": "TrainingJob",
            "metadata": {"name": "digits", "uid": "0f3c2a10-5b1e-4c7e-9a55-2f6f0e8d1c11", "generation": 1},
            "spec": {
                "source": {"type": "Path", "path": "/code"},
                "entrypoint": "train.py",
                "retry": {"limit": 20},
                **spec,
            },
        }
    )
    digest = run_digest(made)
    made.status.attempts = [
        Attempt(number=n, run=f"r-{n}", submission_id=f"s-{n}", spec_digest=digest, state=state, finished_at=NOW)
        for n, state in enumerate(states, 1)
    ]
    return made


def removed(result: Plan) -> list[str]:
    return [action.run for action in result.cleanup if isinstance(action, DeleteFiles)]


def forgotten(result: Plan) -> list[str]:
    return [action.submission_id for action in result.cleanup if isinstance(action, Forget)]


@pytest.mark.parametrize(
    ("states", "checkpoints", "gone"),
    [
        ([F, F, S], [], ["r-1", "r-2"]),
        ([F, P, S], ["r-2"], ["r-1", "r-2"]),
        ([F, F, F], [], ["r-1", "r-2"]),
        ([F, F, F], ["r-1", "r-2"], ["r-1"]),
        ([F], [], []),
        ([S], [], []),
    ],
)
def test_the_directory_of_an_attempt_that_came_to_nothing_goes_once_nobody_goes_on_from_it(
    states: list[AttemptState], checkpoints: Iterable[str], gone: list[str]
) -> None:
    seen = Observed(ray=RaySeen("session_1"), checkpoints=frozenset(checkpoints))
    result = plan(job(*states), seen, NOW)
    assert removed(result) == gone
    assert result.conclude(()) == ""
    again = job(*states)
    again.status = result.status.model_copy(deep=True)
    assert plan(again, seen, NOW).cleanup == []


def test_what_the_next_attempt_goes_on_from_stays_while_it_is_recorded() -> None:
    seen = Observed(ray=RaySeen("session_1"), checkpoints=frozenset({"r-1"}))
    result = plan(job(F, F, retry={"limit": 20, "backoffSeconds": 1}), seen, NOW + timedelta(days=1))
    assert result.status.attempts[-1].resume_from == "r-1"
    assert removed(result) == []


def test_no_directory_goes_while_it_is_not_known_which_has_a_checkpoint() -> None:
    seen = Observed(ray=RaySeen("session_1"), checkpoints=Away("the artifact store did not answer"))
    assert removed(plan(job(F, F, F), seen, NOW)) == []


def test_a_directory_that_could_not_be_removed_is_tried_again_and_told() -> None:
    before = job(F, S)
    result = plan(before, UP, NOW)
    assert result.conclude([(DeleteFiles("r-1"), Unreachable("the artifact store did not answer"))]) != ""
    before.status = result.status
    assert removed(plan(before, UP, NOW)) == ["r-1"]


def test_ray_keeps_the_newest_attempts_for_their_logs() -> None:
    before = job(*[S] * (KEPT_LOGS + 2))
    result = plan(before, UP, NOW)
    assert forgotten(result) == ["s-1", "s-2"]
    result.conclude(())
    before.status = result.status
    assert forgotten(plan(before, UP, NOW)) == []
    assert forgotten(plan(job(*[S] * (KEPT_LOGS + 2)), Observed(), NOW)) == []


def test_attempts_that_left_something_behind_outlive_others_in_a_full_status() -> None:
    attempts = job(*[F] * (MAX_ATTEMPTS + 1)).status.attempts
    for attempt in attempts:
        attempt.removed = attempt.forgotten = attempt.number != 1
    assert [attempt.number for attempt in bounded(attempts)][:3] == [1, 3, 4]
    for attempt in attempts:
        attempt.removed = False
    assert next(attempt.number for attempt in bounded(attempts)) == 2
