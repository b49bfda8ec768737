"""Every transition of a Materialization."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from penstock.api.materialization import Materialization, MaterializationStatus, RunState, StagedOutput
from penstock.api.trainingjob import SuccessfulRun, TrainingJob
from penstock.api.views import VectorCollection
from penstock.handoff import StagingReport
from penstock_operator.loop.conditions import find
from penstock_operator.loop.plan import Plan
from penstock_operator.materialization.observed import Drop, Observed, Stage, StopStaging, Targets
from penstock_operator.materialization.plan import plan
from penstock_operator.ports import JobState, RayJob

NOW = datetime(2026, 1, 1, tzinfo=UTC)
UID = "a0b1c2d3-0000-4000-8000-000000000000"
META = {"namespace": "default", "uid": UID, "generation": 1}


def trained(*runs: str) -> TrainingJob:
    job = TrainingJob.model_validate(
        {
            "kind": "TrainingJob",
            "metadata": {**META, "name": "digits"},
            "spec": {"source": {"type": "Path", "path": "/code"}, "entrypoint": "train.py"},
        }
    )
    job.status.runs = [SuccessfulRun(run=run, attempt=i + 1, finished_at=NOW) for i, run in enumerate(runs)]
    return job


COLLECTION = VectorCollection.model_validate(
    {
        "kind": "VectorCollection",
        "metadata": {**META, "name": "images"},
        "spec": {"storeRef": {"name": "milvus"}, "dimension": 4},
    }
)


def world(*runs: str) -> Observed:
    return Observed(
        artifacts="file:///artifacts",
        job=trained(*runs),
        targets=Targets(collections={"images": COLLECTION}),
        session="session_1",
    )


def mat(status: MaterializationStatus | None = None, **spec: object) -> Materialization:
    return Materialization.model_validate(
        {
            "kind": "Materialization",
            "metadata": {**META, "name": "digits"},
            "spec": {
                "trainingJobRef": {"name": "digits"},
                "gates": [],
                "vectors": [{"name": "images", "output": "embeddings", "vectorCollectionRef": {"name": "images"}}],
                **spec,
            },
            "status": status.model_dump(by_alias=True) if status is not None else {},
        }
    )


def report(run: str, outcome: str = "Staged", message: str = "") -> StagingReport:
    output = StagedOutput(
        output="embeddings", kind="Embeddings", resource="images", store="milvus", physical=f"images__{run}", rows=10
    )
    return StagingReport.model_validate(
        {"run": run, "outcome": outcome, "message": message, "outputs": [output.model_dump(by_alias=True)]}
    )


def advance(status: MaterializationStatus | None, seen: Observed, now: datetime = NOW, **spec: object) -> Plan:
    result = plan(mat(status, **spec), seen, now)
    result.settle(())
    return result


def drops(result: Plan) -> list[str]:
    return [action.output.physical for action in result.cleanup if isinstance(action, Drop)]


def staged(status: MaterializationStatus | None, *runs: str, **spec: object) -> MaterializationStatus:
    """Carry the newest of these runs through a staging that succeeds."""
    intent = advance(status, world(*runs), **spec).status
    return advance(intent, replace(world(*runs), report=report(runs[-1])), **spec).status


def reason(result: Plan | MaterializationStatus, type_: str) -> str:
    status = result.status if isinstance(result, Plan) else result
    condition = find(status.conditions, type_)
    assert condition is not None
    return condition.reason


def test_the_intent_names_everything_that_staging_will_create() -> None:
    result = advance(None, world("r-1"))
    (record,) = result.status.runs
    assert record.state is RunState.STAGING
    assert [output.physical for output in record.outputs] == ["images__r_1"]
    assert record.uri == "file:///artifacts/default/digits/r-1"
    assert result.actions == ()


def test_a_recorded_staging_is_submitted_once_and_then_only_looked_at() -> None:
    intent = advance(None, world("r-1")).status
    submitting = advance(intent, world("r-1"))
    assert [type(action) for action in submitting.actions] == [Stage]
    seen = replace(world("r-1"), staging=RayJob(intent.runs[0].submission_id, JobState.RUNNING))
    running = advance(submitting.status, seen)
    assert running.actions == ()
    assert running.status.runs[0].submitted


def test_a_staging_that_waits_for_kuberay_says_for_what_and_its_deadline_rests() -> None:
    intent = advance(None, world("r-1")).status
    waiting = RayJob(intent.runs[0].submission_id, JobState.PENDING, "Kueue has yet to admit it", watched=True)
    result = advance(intent, replace(world("r-1"), staging=waiting), NOW + timedelta(days=2))
    condition = find(result.status.conditions, "Staged")
    assert condition is not None
    assert condition.message == "Run r-1 waits to be staged: Kueue has yet to admit it"
    assert (result.actions, result.status.runs[0].started_at) == ((), None)


def test_a_staging_that_kuberay_refuses_fails_with_its_words() -> None:
    intent = advance(None, world("r-1")).status
    refused = RayJob(intent.runs[0].submission_id, JobState.FAILED, "m", fault="ValidationFailed: too long")
    result = advance(intent, replace(world("r-1"), staging=refused))
    assert result.status.runs[0].message == "The staging job failed: ValidationFailed: too long"
    assert reason(result, "Staged") == "BackingOff"


def test_a_good_run_is_promoted_in_the_write_that_says_it_is_staged() -> None:
    status = staged(None, "r-1")
    assert status.active is not None
    assert status.active.run == "r-1"
    assert (reason(status, "Staged"), reason(status, "Promoted"), reason(status, "Ready")) == (
        "Staged",
        "Promoted",
        "Serving",
    )


def test_a_failed_gate_leaves_the_active_run_serving_and_says_why() -> None:
    status = staged(None, "r-1")
    intent = advance(status, world("r-1", "r-2")).status
    bad = report("r-2", "Rejected", "Gate accuracy: 0.5 is below 0.95")
    result = advance(intent, replace(world("r-1", "r-2"), report=bad))
    assert result.status.active is not None
    assert result.status.active.run == "r-1"
    condition = find(result.status.conditions, "Staged")
    assert condition is not None
    assert (condition.reason, condition.message) == ("GateFailed", "Gate accuracy: 0.5 is below 0.95")
    assert result.actions == ()
    after = advance(result.status, world("r-1", "r-2"))
    assert drops(after) == ["images__r_2"]


def test_a_refused_run_is_staged_again_only_when_the_gates_change() -> None:
    intent = advance(None, world("r-1")).status
    refused = advance(intent, replace(world("r-1"), report=report("r-1", "Rejected"))).status
    refused = advance(refused, world("r-1")).status
    assert len(advance(refused, world("r-1")).status.runs) == 1
    assert advance(refused, world("r-1")).status.runs[0].state is RunState.REJECTED
    gates = [{"name": "rows", "type": "MinRows", "minRows": {"output": "embeddings", "rows": 1}}]
    again = advance(refused, world("r-1"), gates=gates)
    assert (again.status.runs[-1].revision, again.status.runs[-1].state) == (1, RunState.STAGING)


def test_manual_promotion_waits_for_a_pin() -> None:
    status = staged(None, "r-1", promotion="Manual")
    assert status.active is None
    assert reason(status, "Promoted") == "AwaitingPromotion"
    pinned = advance(status, world("r-1"), promotion="Manual", pinnedRunRef={"name": "r-1"})
    assert pinned.status.active is not None
    assert pinned.status.active.run == "r-1"


def test_rollback_is_one_write_and_can_be_undone() -> None:
    status = staged(staged(None, "r-1"), "r-1", "r-2")
    assert status.active is not None
    assert (status.active.run, status.previous_run) == ("r-2", "r-1")
    back = advance(status, world("r-1", "r-2"), pinnedRunRef={"name": "r-1"})
    assert back.status.active is not None
    assert (back.status.active.run, back.status.previous_run) == ("r-1", "r-2")
    assert back.actions == ()
    forth = advance(back.status, world("r-1", "r-2"))
    assert forth.status.active is not None
    assert forth.status.active.run == "r-2"


def test_a_pin_on_an_unknown_run_changes_nothing() -> None:
    status = staged(None, "r-1")
    result = advance(status, world("r-1"), pinnedRunRef={"name": "r-9"})
    assert result.status.active == status.active
    assert reason(result, "Promoted") == "PinnedRunUnavailable"


def test_collection_never_touches_the_active_previous_or_pinned_run_or_one_in_its_grace() -> None:
    status: MaterializationStatus | None = None
    runs: list[str] = []
    for n in range(1, 6):
        runs.append(f"r-{n}")
        status = staged(status, *runs, historyLimit=2)
        status = advance(status, world(*runs), historyLimit=2).status
    assert status is not None
    states = {record.run: record.state for record in status.runs}
    assert states["r-5"] is states["r-4"] is RunState.STAGED
    assert {states[run] for run in ("r-1", "r-2", "r-3")} == {RunState.RETIRING}
    early = advance(status, world(*runs), NOW + timedelta(seconds=59), historyLimit=2)
    assert drops(early) == []
    pinned = advance(status, world(*runs), NOW + timedelta(seconds=60), historyLimit=2, pinnedRunRef={"name": "r-1"})
    assert "images__r-1" not in drops(pinned)
    late = advance(status, world(*runs), NOW + timedelta(seconds=60), historyLimit=2)
    assert drops(late) == ["images__r-1", "images__r-2", "images__r-3"]
    assert [record.run for record in late.status.runs] == ["r-4", "r-5"]


def test_staging_is_tried_again_after_a_back_off_and_gives_up_at_its_limit() -> None:
    status = advance(None, world("r-1"), stagingRetryLimit=1).status
    for n, now in ((1, NOW), (2, NOW + timedelta(seconds=5))):
        seen = replace(
            world("r-1"), staging=RayJob(status.runs[0].submission_id, JobState.FAILED), log_tail="Milvus is away"
        )
        result = advance(status, seen, now, stagingRetryLimit=1)
        if n == 1:
            assert reason(result, "Staged") == "BackingOff"
            assert result.requeue_after == 5
            status = advance(result.status, world("r-1"), now + timedelta(seconds=5), stagingRetryLimit=1).status
            assert status.runs[0].tries == 2
        else:
            assert reason(result, "Staged") == "StagingFailed"


def test_a_staging_that_ray_forgot_is_a_failed_try() -> None:
    intent = advance(None, world("r-1")).status
    intent.runs[0].submitted = True
    assert reason(advance(intent, world("r-1")), "Staged") == "BackingOff"


def test_references_that_are_not_there_are_named_and_what_is_served_stays() -> None:
    status = staged(None, "r-1")
    result = advance(status, replace(world("r-1", "r-2"), missing="VectorCollection 'images' does not exist"))
    assert reason(result, "Staged") == "MissingReference"
    assert result.status.active == status.active


def test_deletion_stops_the_staging_then_drops_every_run_and_is_bounded() -> None:
    status = staged(None, "r-1")
    dying = mat(status)
    dying.metadata.deletion_timestamp = NOW
    result = plan(dying, replace(world("r-1"), ended=frozenset(status.ended)), NOW)
    assert result.finalized
    assert [(a.output.physical, a.public) for a in result.cleanup if isinstance(a, Drop)] == [("images__r-1", True)]
    staging = mat(advance(None, world("r-1")).status)
    staging.metadata.deletion_timestamp = NOW
    seen = replace(world("r-1"), staging=RayJob("x", JobState.RUNNING))
    assert [type(a) for a in plan(staging, seen, NOW).actions] == [StopStaging]
    assert plan(staging, seen, NOW + timedelta(seconds=60)).finalized
