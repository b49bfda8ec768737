"""The tries of a staging: the intent first, one submission each, and what follows when one ends badly."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from staging_house import House

from penstock.api.stagedrun import StagedRun
from penstock_operator.loop.away import Away
from penstock_operator.ports import JobState, RayJob
from penstock_operator.rayactions import Stop
from penstock_operator.stagedrun.observed import Finding, Observed, RaySeen, Stores, Submit
from penstock_operator.stagedrun.plan import plan


class Try:
    """A StagedRun, pass by pass, in a world that the test makes."""

    def __init__(self, house: House, **spec: Any) -> None:
        house.train("Hung", settle=False)
        house.change(settle=False, **spec)
        house.look_at_materialization()
        self.staged: StagedRun = house.newest
        self.now: datetime = house.now
        self.mat = house.mat
        self.ray: RaySeen | Away = RaySeen("session_1")
        self.seen = Observed(materialization=self.mat)

    def look(self, after: float = 0, job: RayJob | None = None, tail: str = "row 17", **seen: Any) -> Any:
        self.now += timedelta(seconds=after)
        known = {"ray": RaySeen("session_1", job, tail), **seen}
        result = plan(self.staged, replace(self.seen, **known), self.now)
        result.conclude([])
        wire = {**self.staged.model_dump(mode="json", by_alias=True), "status": result.status.to_wire()}
        self.staged = StagedRun.model_validate(wire)
        return result

    def running(self, state: JobState = JobState.RUNNING, **said: Any) -> RayJob:
        assert self.staged.status.latest_try is not None
        return RayJob(self.staged.status.latest_try.submission_id, state, "boom", **said)

    def ready(self) -> tuple[str, str, str]:
        condition = next(one for one in self.staged.status.conditions if one.type == "Ready")
        return condition.status, condition.reason, condition.message


@pytest.fixture
def a_try(house: House) -> Try:
    return Try(house)


def test_the_intent_with_every_name_is_written_before_anything_is_submitted(a_try: Try) -> None:
    recorded = a_try.look()
    assert recorded.actions == ()
    latest = a_try.staged.status.latest_try
    assert latest is not None
    assert len(a_try.staged.status.outputs) == 2
    submitted = a_try.look()
    assert submitted.actions == (Submit(latest.submission_id),)
    assert a_try.look(job=a_try.running()).actions == ()


@pytest.mark.parametrize(
    ("stores", "reason"),
    [
        (Stores(missing="VectorStore 'milvus' does not exist: create it"), "MissingReference"),
        (Stores(not_ready="VectorStore 'milvus' is not ready"), "StoreNotReady"),
    ],
)
def test_it_waits_for_its_stores_before_it_begins(a_try: Try, stores: Stores, reason: str) -> None:
    assert a_try.look(stores=stores).actions == ()
    assert a_try.ready()[:2] == ("Unknown", reason)
    assert a_try.staged.status.latest_try is None


def test_it_waits_for_ray(a_try: Try) -> None:
    a_try.look(ray=Away("Ray at http://ray did not answer"))
    assert a_try.ready() == ("Unknown", "RayUnreachable", "Ray at http://ray did not answer")
    a_try.look()
    a_try.look(ray=Away("Ray at http://ray did not answer"))
    assert a_try.ready()[1] == "RayUnreachable"


def test_a_job_that_ray_had_and_knows_no_more_is_a_failed_try(a_try: Try) -> None:
    a_try.look()
    a_try.look()
    a_try.look(job=a_try.running())
    a_try.look(job=None)
    assert a_try.ready() == ("Unknown", "BackingOff", "Ray no longer knows the staging job")


def test_another_session_never_gets_the_submission(a_try: Try) -> None:
    a_try.look()
    a_try.look(ray=RaySeen("session_2"))
    assert a_try.ready()[1] == "BackingOff"


@pytest.mark.parametrize(
    ("state", "said", "message"),
    [
        (JobState.FAILED, {}, "The staging job failed. Its last lines:\nrow 17"),
        (JobState.FAILED, {"fault": "The pod was evicted"}, "The staging job failed: The pod was evicted"),
        (JobState.STOPPED, {}, "The staging job was stopped on Ray's side. Its last lines:\nrow 17"),
        (JobState.SUCCEEDED, {}, "The staging job ended without a report. Its last lines:\nrow 17"),
    ],
)
def test_a_try_that_fails_for_a_cause_outside_the_run_is_repeated(
    a_try: Try, state: JobState, said: dict[str, Any], message: str
) -> None:
    a_try.look()
    a_try.look()
    ended = a_try.look(job=a_try.running(state, **said))
    assert a_try.ready() == ("Unknown", "BackingOff", message)
    assert ended.requeue_after == 5
    first = a_try.staged.status.latest_try
    assert a_try.look(after=4.0, job=a_try.running(state)).requeue_after == 1
    a_try.look(after=1.0)
    assert a_try.staged.status.latest_try != first
    assert a_try.staged.status.tries == 2


def test_what_never_began_takes_no_try_away_and_has_a_limit_of_its_own(house: House) -> None:
    a_try = Try(house, stagingRetryLimit=0)
    for number in range(1, 10):
        a_try.look(after=300)
        a_try.look()
        a_try.look(job=a_try.running(JobState.FAILED, unbegun="The node of the job's supervisor is gone"))
        assert a_try.ready()[:2] == ("Unknown", "BackingOff")
        assert (a_try.staged.status.tries, a_try.staged.status.unbegun) == (number, number)
    a_try.look(after=300)
    a_try.look()
    a_try.look(job=a_try.running(JobState.FAILED, unbegun="The node of the job's supervisor is gone"))
    status, reason, message = a_try.ready()
    assert (status, reason) == ("False", "StagingFailed")
    assert message == "Ray could not begin the staging job: The node of the job's supervisor is gone"


def test_the_last_try_refuses_the_run_and_what_it_left_is_dropped(house: House) -> None:
    house.change(stagingRetryLimit=1)
    house.train("Failed")
    for _ in range(3):
        house.settle(seconds=30)
    assert (house.ready().status, house.ready().reason) == ("False", "StagingFailed")
    assert house.newest.status.tries == 2
    assert (house.data, house.newest.status.outputs) == (set(), [])
    assert house.newest.status.finished_at is not None


def test_a_staging_past_its_deadline_is_a_failed_try_that_says_so(house: House) -> None:
    a_try = Try(house, stagingDeadlineSeconds=60, stagingRetryLimit=0)
    a_try.look()
    a_try.look()
    a_try.look(job=a_try.running())
    assert a_try.look(after=59, job=a_try.running()).requeue_after == 0.5
    assert a_try.look(after=1, job=a_try.running()).actions == ()
    assert a_try.look(job=a_try.running()).actions == (Stop(a_try.running().submission_id),)
    a_try.look(job=a_try.running(JobState.STOPPED))
    status, reason, message = a_try.ready()
    assert (status, reason) == ("False", "DeadlineExceeded")
    assert message.startswith("The staging took longer than 60 s (spec.stagingDeadlineSeconds) and was stopped.")
    assert message.endswith("row 17")


def test_a_staging_whose_ray_cluster_is_lost_is_stopped_and_has_failed(a_try: Try) -> None:
    a_try.look()
    a_try.look()
    lost = a_try.running(lost="The head pod is gone", watched=True, look_seconds=2)
    assert a_try.look(job=lost).actions == ()
    assert a_try.look(job=lost).actions == (Stop(lost.submission_id),)
    a_try.look(job=None)
    assert a_try.ready()[1] == "BackingOff"


def test_a_corrupt_report_is_a_failed_try(a_try: Try) -> None:
    a_try.look()
    a_try.look()
    a_try.look(job=a_try.running(JobState.SUCCEEDED), finding=Finding(corrupt="report.json cannot be read"))
    assert a_try.ready()[2] == "The staging job ended, and its report is corrupt: report.json cannot be read"


def test_while_the_artifact_store_is_away_only_the_judgement_waits(house: House) -> None:
    a_try = Try(house, stagingDeadlineSeconds=60)
    away = Away("The artifact store did not answer in time")
    a_try.look(finding=away)
    a_try.look(finding=away)
    assert a_try.look(job=a_try.running(), finding=away).requeue_after == 0.5
    a_try.look(job=a_try.running(JobState.SUCCEEDED), finding=away)
    assert a_try.ready()[:2] == ("Unknown", "ArtifactsUnreachable")
    assert a_try.staged.status.latest_try is not None
    assert not a_try.staged.status.latest_try.ended
    a_try.look(after=60, job=a_try.running(), finding=away)
    assert a_try.look(job=a_try.running(), finding=away).actions == (Stop(a_try.running().submission_id),)


def test_it_is_looked_at_as_often_as_its_ray_asks(a_try: Try) -> None:
    a_try.look()
    a_try.look()
    waiting = a_try.running(JobState.PENDING, watched=True)
    assert a_try.look(job=waiting).requeue_after is None
    assert a_try.look(job=replace(waiting, look_seconds=10)).requeue_after == 10
    assert a_try.look(job=a_try.running(watched=True, look_seconds=2)).requeue_after == 2


@pytest.mark.parametrize(
    ("fate", "reason", "steps"),
    [
        ("Staged", "Staged", ["True", "True", "True"]),
        ("Rejected", "GateFailed", ["True", "True", "False"]),
        ("Invalid", "InvalidOutput", ["False", "Unknown", "Unknown"]),
    ],
)
def test_the_conditions_say_how_far_a_run_came(house: House, fate: str, reason: str, steps: list[str]) -> None:
    house.train(fate)
    assert house.ready().reason == reason
    found = {one.type: one.status for one in house.newest.status.conditions}
    assert [found[step] for step in ("Loaded", "Verified", "GatesPassed")] == steps
