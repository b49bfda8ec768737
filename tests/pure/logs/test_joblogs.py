"""Which job's log it is, and how it comes line by line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from penstock import joblogs
from penstock.api import FeatureStore, TrainingJob
from penstock.joblogs import NoLog, Seen, Submission, lines, submission


class Away(Exception):
    """Ray does not answer."""


def job(*attempts: dict[str, Any]) -> TrainingJob:
    return TrainingJob.model_validate(
        {
            "kind": "TrainingJob",
            "metadata": {"name": "digits"},
            "spec": {"source": {"type": "Path", "path": "/code"}, "entrypoint": "train.py"},
            "status": {"attempts": [*attempts]},
        }
    )


def attempt(number: int, **fields: Any) -> dict[str, Any]:
    return {"number": number, "run": f"r-{number}", "submissionId": f"s-{number}", "state": "Failed", **fields}


async def told(*looks: Seen | Exception, follow: bool = True) -> Sequence[str]:
    waiting = list(looks)

    async def look() -> Seen:
        found = waiting.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    return [line async for line in lines(look, follow=follow, away=Away, pause=0.0)]


def test_the_newest_attempt_is_meant_unless_one_is_named() -> None:
    digits = job(attempt(1, message="no luck"), attempt(2))
    assert submission(digits, None) == Submission("s-2", "")
    assert submission(digits, 1) == Submission("s-1", "no luck")


@pytest.mark.parametrize(
    ("attempts", "number", "message"),
    [
        ([], None, "TrainingJob 'digits' has not been tried yet"),
        ([attempt(1), attempt(2)], 3, "has no attempt 3: it has 1, 2"),
        ([attempt(1, forgotten=True), attempt(2)], 1, "attempt 1 of TrainingJob 'digits' is gone"),
    ],
)
def test_what_has_no_log_says_why(attempts: list[dict[str, Any]], number: int | None, message: str) -> None:
    with pytest.raises(NoLog, match=message):
        submission(job(*attempts), number)


def test_a_kind_that_runs_nothing_has_none() -> None:
    store = FeatureStore.model_validate(
        {"kind": "FeatureStore", "metadata": {"name": "feast"}, "spec": {"project": "digits"}}
    )
    with pytest.raises(NoLog, match="FeatureStore 'feast' runs nothing"):
        submission(store, None)


async def test_a_line_is_told_once_and_when_it_is_whole() -> None:
    looks = [Seen("on", False), Seen("one\ntw", False), Seen("one\ntwo\nthr", False), Seen("one\ntwo\nthree", True)]
    assert await told(*looks) == ["one", "two", "three"]


async def test_who_does_not_follow_gets_what_there_is() -> None:
    assert await told(Seen("one\ntw", False), follow=False) == ["one", "tw"]
    with pytest.raises(Away):
        await told(Away(), follow=False)


async def test_an_absence_is_waited_out_if_something_was_heard_and_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await told(Seen("one\n", False), Away(), Away(), Seen("one\ntwo\n", True)) == ["one", "two"]
    with pytest.raises(Away):
        await told(Away(), Seen("one\n", True))
    monkeypatch.setattr(joblogs, "AWAY_SECONDS", -1.0)
    with pytest.raises(Away):
        await told(Seen("one\n", False), Away(), Seen("one\n", True))


async def test_a_log_that_begins_anew_repeats_nothing() -> None:
    assert await told(Seen("one\ntwo\n", False), Seen("", False), Seen("one\ntwo\nthree\n", True)) == [
        "one",
        "two",
        "three",
    ]
