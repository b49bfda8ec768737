"""Columns, ages, targets, durations, and answers as text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import typer

from penstock.api import FeatureView, StagedRun, TrainingJob, TrainingRun
from penstock.cli.answers import features_table, hits_table
from penstock.cli.description import description
from penstock.cli.options import seconds
from penstock.cli.output import age, columns
from penstock.cli.targets import Target, name_of, named, one, parse
from penstock.client.records import Event
from penstock.serving import FeaturesAnswer, Hit, SearchAnswer

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR, DAY = 3600, 86400


@pytest.mark.parametrize(
    ("passed", "text"),
    [
        (-1, "0s"),
        (119, "119s"),
        (120, "2m"),
        (307, "5m7s"),
        (10 * 60 + 1, "10m"),
        (2 * HOUR + 59 * 60, "179m"),
        (3 * HOUR + 61, "3h1m"),
        (8 * HOUR + 61, "8h"),
        (47 * HOUR, "47h"),
        (2 * DAY + 5 * HOUR, "2d5h"),
        (9 * DAY, "9d"),
        (800 * DAY, "2y70d"),
    ],
)
def test_ages_are_kubectls(passed: int, text: str) -> None:
    assert age(NOW - timedelta(seconds=passed), NOW) == text


def test_columns_are_padded_as_kubectl_pads_them() -> None:
    assert columns(["name", "run", "age"], [["a", None, "3s"], ["long-name", "r-1", "5m"]]).splitlines() == [
        "NAME        RUN   AGE",
        "a                 3s",
        "long-name   r-1   5m",
    ]
    assert columns(["name"], [["two\nlines"]], header=False) == "two"
    assert columns(["name"], [], header=False) == ""


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["tj"], [Target(TrainingJob)]),
        (["TrainingJob", "a", "b"], [Target(TrainingJob, "a"), Target(TrainingJob, "b")]),
        (["trainingjob.penstock.dev/a", "fview/b"], [Target(TrainingJob, "a"), Target(FeatureView, "b")]),
        (["tj,featureviews"], [Target(TrainingJob), Target(FeatureView)]),
        (["trun", "r-1"], [Target(TrainingRun, "r-1")]),
        (["stagedrun/a", "srun/b"], [Target(StagedRun, "a"), Target(StagedRun, "b")]),
    ],
)
def test_targets(words: list[str], found: list[Target]) -> None:
    assert parse(words) == found


def test_all_is_every_kind_and_takes_no_name() -> None:
    assert len(parse(["all"])) == len(parse(["penstock"])) == 8
    for words in (["all", "a"], ["all/a"], ["pods"], ["tj/"], []):
        with pytest.raises(typer.BadParameter):
            parse(words)
    with pytest.raises(typer.BadParameter, match="a name is empty"):
        parse(["tj", ""])
    with pytest.raises(typer.BadParameter, match="which tj"):
        named(["tj"])
    assert one(["digits"], TrainingJob) == Target(TrainingJob, "digits")
    with pytest.raises(typer.BadParameter, match="no featureview"):
        name_of("tj/digits", FeatureView)


@pytest.mark.parametrize(("text", "value"), [("90", 90), ("1.5s", 1.5), ("10m", 600), ("1h", 3600)])
def test_durations(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "soon", "-1", "m", "nan", "infh"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        seconds(text)


def test_answers() -> None:
    answer = FeaturesAnswer("r-1", [{"ink": 0.25, "label": 3}, None])
    assert features_table([{"image_id": 1}, {"image_id": 2}], answer).splitlines() == [
        "IMAGE_ID   INK      LABEL",
        "1          0.25     3",
        "2          <none>   <none>",
    ]
    hits = SearchAnswer("r-1", [[Hit(7, 0.5, {"label": 3}, {"ink": 0.25}), Hit(8, 0.25, {"label": 1})]])
    assert hits_table(hits).splitlines() == [
        "ID    SCORE   LABEL   INK",
        "7     0.5     3       0.25",
        "8     0.25    1",
    ]


def test_events_are_described_as_kubectl_describes_them() -> None:
    now = datetime(2026, 1, 1, 1, tzinfo=UTC)
    job = TrainingJob.model_validate(
        {
            "kind": "TrainingJob",
            "metadata": {"name": "digits"},
            "spec": {"source": {"type": "Path", "path": "/code"}, "entrypoint": "train.py"},
        }
    )
    first, last = now - timedelta(minutes=12), now - timedelta(seconds=5)
    events = [
        Event("Normal", "Running", "Attempt 1 runs", 1, first, first, "penstock"),
        Event("Warning", "AttemptFailed", "out of memory", 3, last, first, "penstock"),
    ]
    lines = description(job, {"spec": {}}, events, now).splitlines()
    assert lines[-3:] == [
        "  TYPE      REASON          AGE                FROM       MESSAGE",
        "  Normal    Running         12m                penstock   Attempt 1 runs",
        "  Warning   AttemptFailed   5s (x3 over 12m)   penstock   out of memory",
    ]
