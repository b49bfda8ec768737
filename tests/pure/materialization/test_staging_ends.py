"""How a staging ends that does not end by itself, and what is left of it on Ray and in the stores."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from penstock.api.materialization import RunState
from penstock.api.meta import DeletionPolicy
from penstock_operator.materialization.deletion import STOP_SECONDS
from penstock_operator.materialization.forgetting import KEPT_LOGS
from penstock_operator.materialization.history import DROP_AGAIN_SECONDS
from penstock_operator.materialization.observed import Drop, Forget, StopStaging
from penstock_operator.ports import JobState


def drops(result: Any) -> list[str]:
    return [action.output.physical for action in result.cleanup if isinstance(action, Drop)]


def overdue(life: Any) -> None:
    """A staging that runs beyond its deadline, and the intent to stop it."""
    life.look()
    life.look()
    life.look(staging=life.running())
    marked = life.look(after=60, staging=life.running())
    assert marked.actions == ()
    assert life.record.stopping == "DeadlineExceeded"


@pytest.mark.parametrize("end", ["stopped", "forgotten by Ray"])
def test_a_staging_past_its_deadline_is_a_failed_try_that_says_so(life: Any, end: str) -> None:
    life.change(stagingDeadlineSeconds=60)
    overdue(life)
    stopping = life.look(staging=life.running())
    assert stopping.actions == (StopStaging(life.record.submission_id),)
    life.look(staging=life.running(JobState.STOPPED) if end == "stopped" else None, log_tail="row 17")
    staged = life.condition("Staged")
    assert (staged.status, staged.reason) == ("Unknown", "BackingOff")
    assert "took longer than 60 s (spec.stagingDeadlineSeconds)" in staged.message
    assert "row 17" in staged.message
    assert "Ray's side" not in staged.message
    life.look(after=5)
    assert (life.record.tries, life.record.stopping, life.record.started_at) == (2, "", None)


def test_a_deadline_is_not_missed_by_a_look_that_comes_later(life: Any) -> None:
    life.change(stagingDeadlineSeconds=8)
    life.look()
    life.look()
    watched = replace(life.running(), watched=True)
    assert life.look(staging=watched).requeue_after == 8
    assert life.look(after=5, staging=watched).requeue_after == 3


def test_a_staging_whose_ray_cluster_is_lost_is_stopped_and_has_failed(life: Any) -> None:
    life.look()
    life.look()
    life.look(staging=life.running())
    lost = replace(life.running(), watched=True, look_seconds=2, lost="The head pod is gone")
    assert life.look(staging=lost).actions == ()
    assert life.look(staging=lost).actions == (StopStaging(life.record.submission_id),)
    life.look(staging=None)
    staged = life.condition("Staged")
    assert (staged.status, staged.reason) == ("Unknown", "BackingOff")
    assert staged.message == "The staging job failed: The head pod is gone"
    life.look(after=5)
    assert (life.record.tries, life.record.stopping) == (2, "")


def test_a_staging_is_looked_at_as_often_as_its_ray_asks(life: Any) -> None:
    life.look()
    life.look()
    waiting = replace(life.running(JobState.PENDING), watched=True)
    assert life.look(staging=waiting).requeue_after is None
    assert life.look(staging=replace(waiting, look_seconds=10)).requeue_after == 10
    assert life.look(staging=replace(life.running(), watched=True, look_seconds=2)).requeue_after == 2


def test_the_last_try_past_its_deadline_refuses_the_run_by_that_reason(life: Any) -> None:
    life.change(stagingDeadlineSeconds=60, stagingRetryLimit=0)
    overdue(life)
    life.look(staging=life.running(JobState.STOPPED))
    assert (life.condition("Staged").status, life.condition("Staged").reason) == ("False", "DeadlineExceeded")
    assert life.record.state is RunState.REJECTED


def test_a_staging_that_reports_while_it_is_being_stopped_is_staged(life: Any) -> None:
    life.change(stagingDeadlineSeconds=60)
    overdue(life)
    life.look(staging=life.running(), report=life.report())
    assert life.served() == ["images__r_1"] * 2


def test_a_drop_that_fails_is_shown_and_tried_again_and_the_record_stays(life: Any) -> None:
    life.stage()
    life.runs.append("r-2")
    life.stage("Rejected", "gate rows: 4 is below 5")
    refusal = "alias 'images' stands for it"
    assert drops(life.look(refusal=refusal)) == ["images__r_2"] * 2
    assert (life.told, life.record.drop_error) == (refusal, refusal)
    assert [output.physical for output in life.record.outputs] == ["images__r_2"] * 2
    assert (life.condition("Staged").message, life.condition("Ready").status) == ("gate rows: 4 is below 5", "True")
    waiting = life.look(after=DROP_AGAIN_SECONDS - 1)
    assert (drops(waiting), waiting.requeue_after, life.told) == ([], 1, refusal)
    assert drops(life.look(after=1)) == ["images__r_2"] * 2
    assert (life.told, life.record.outputs, life.record.drop_error) == ("", [], "")


def test_a_new_run_goes_its_way_while_a_drop_fails(life: Any) -> None:
    life.stage()
    life.runs.append("r-2")
    life.stage("Rejected")
    life.look(refusal="alias 'images' stands for it")
    life.runs.append("r-3")
    life.stage()
    assert life.served() == ["images__r_3"] * 2
    assert life.told != ""


def test_ray_is_asked_to_forget_stagings_that_have_ended_but_for_the_newest(life: Any) -> None:
    ids = []
    for n in range(KEPT_LOGS + 2):
        life.runs.append(f"r-{n + 2}")
        life.stage()
        ids.append(life.record.submission_id)
    assert life.status.ended == ids
    assert life.look(ended=frozenset()).cleanup == []
    some = life.look(ended=frozenset(ids[:1]))
    assert some.cleanup == [Forget(ids[0])]
    assert some.requeue_after is not None
    assert life.status.ended == ids[1:]
    life.look(ended=frozenset(ids))
    assert life.status.ended == ids[-KEPT_LOGS:]


def test_every_try_that_failed_is_forgotten_too(life: Any) -> None:
    life.change(stagingRetryLimit=1)
    ids = []
    for after in (0, 5):
        life.look(after=after)
        ids.append(life.record.submission_id)
        life.look(staging=life.running(JobState.FAILED))
    assert life.status.ended == ids


def delete(life: Any) -> None:
    life.deleted = life.now


def test_nothing_is_dropped_under_a_staging_while_ray_does_not_answer(life: Any) -> None:
    life.stage()
    life.runs.append("r-2")
    life.look()
    delete(life)
    away = {"session": None, "ray_error": "Ray at http://ray did not answer"}
    waiting = life.look(**away)
    assert (waiting.actions, waiting.cleanup, waiting.finalized) == ((), (), False)
    assert "Ray at http://ray did not answer" in life.condition("Ready").message
    assert "r-2" in life.condition("Ready").message
    over = life.look(after=STOP_SECONDS, **away)
    assert over.finalized
    assert drops(over) == ["images__r_1"] * 2
    assert "images__r_2" in over.notes[0]


def test_a_staging_that_ray_never_got_holds_nothing_up(life: Any) -> None:
    life.look()
    delete(life)
    result = life.look()
    assert result.finalized
    assert drops(result) == ["images__r_1"] * 2


def test_a_deleted_materialization_lets_ray_forget_its_stagings(life: Any) -> None:
    life.stage()
    ids = life.status.ended
    delete(life)
    waiting = life.look(ended=frozenset())
    assert (waiting.finalized, waiting.cleanup, life.condition("Ready").reason) == (False, (), "Deleting")
    assert [action for action in life.look().cleanup if isinstance(action, Forget)] == [Forget(ids[0])]


def test_a_staging_that_has_reported_and_is_about_to_exit_is_waited_for(life: Any) -> None:
    life.look()
    delete(life)
    assert life.look(staging=life.running(), report=life.report()).actions == ()
    over = life.look(staging=life.running(JobState.SUCCEEDED), report=life.report())
    assert over.finalized
    assert Forget(life.record.submission_id) in over.cleanup


@pytest.mark.parametrize(("policy", "left"), [("Retain", []), ("Delete", ["images__r_1"] * 2)])
def test_a_policy_is_remembered_when_its_resource_goes_first(life: Any, policy: str, left: list[str]) -> None:
    seen = life.seen.targets
    for target in (*seen.views.values(), *seen.collections.values()):
        target.spec.deletion_policy = DeletionPolicy(policy)
    life.stage()
    life.seen = replace(life.seen, targets=type(seen)())
    life.look(missing="FeatureView 'images' does not exist")
    delete(life)
    assert drops(life.look()) == left


def test_the_policy_of_a_view_says_nothing_of_a_collection_with_its_name(life: Any) -> None:
    life.seen.targets.views["images"].spec.deletion_policy = DeletionPolicy.RETAIN
    life.stage()
    delete(life)
    assert [a.output.kind for a in life.look().cleanup if isinstance(a, Drop)] == ["Embeddings"]


def test_a_corrupt_report_is_a_failed_try_and_the_next_one_counts(life: Any) -> None:
    """Until the job ends, and where it failed by itself, what an earlier try left says nothing."""
    corrupt = {"report_error": "/runs/report.json cannot be read: run: Field required"}
    life.change(stagingRetryLimit=1)
    life.look()
    life.look(staging=life.running(), **corrupt)
    assert life.condition("Staged").reason == "Staging"
    life.look(staging=life.running(JobState.SUCCEEDED), **corrupt)
    staged = life.condition("Staged")
    assert (staged.status, staged.reason) == ("Unknown", "BackingOff")
    assert staged.message == f"The staging job ended, and its report is corrupt: {corrupt['report_error']}"
    life.look(after=5)
    life.look(staging=None, **corrupt)
    failed = life.look(staging=life.running(JobState.FAILED), log_tail="no Milvus", **corrupt)
    staged = life.condition("Staged")
    assert (staged.status, staged.reason) == ("False", "StagingFailed")
    assert "no Milvus" in staged.message
    assert drops(failed) or drops(life.look()), "what the tries left goes"
