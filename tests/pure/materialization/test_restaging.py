"""A changed spec stages the newest run again, beside what is served and never over it."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.api.materialization import RunState
from penstock_operator.materialization.observed import Drop, DropRun, Stage, StopStaging
from penstock_operator.ports import JobState

GATES = [{"name": "rows", "type": "MinRows", "minRows": {"output": "embeddings", "rows": 5}}]
OLD, NEW = ["images__r_1"] * 2, ["images__r_1_r1"] * 2


def drops(result: Any) -> list[str]:
    return [action.output.physical for action in result.cleanup if isinstance(action, Drop)]


def test_what_is_served_stays_until_the_new_staging_passes_and_goes_after_its_grace(life: Any) -> None:
    life.stage()
    assert life.served() == OLD
    life.change(gates=GATES)
    life.look()
    assert (life.condition("Staged").status, life.condition("Staged").reason) == ("Unknown", "Staging")
    assert [(r.revision, r.state) for r in life.status.runs] == [(0, RunState.STAGED), (1, RunState.STAGING)]
    assert [output.physical for output in life.record.outputs] == NEW
    assert life.record.stage_uri != life.status.runs[0].stage_uri
    submitted = life.look()
    assert [type(action) for action in submitted.actions] == [Stage]
    assert life.served() == OLD
    switch = life.look(staging=life.running(), report=life.report())
    assert life.served() == NEW
    assert (life.status.active.run, life.status.active.revision, life.status.previous_run) == ("r-1", 1, None)
    assert (switch.actions, switch.cleanup) == ((), ())
    assert (life.condition("Staged").status, life.condition("Promoted").status) == ("True", "True")
    life.look()
    assert drops(life.look(after=59)) == []
    assert drops(life.look(after=1)) == OLD
    assert [r.revision for r in life.status.runs] == [1]


@pytest.mark.parametrize("outcome", ["Rejected", "Invalid"])
def test_a_new_staging_that_is_refused_leaves_the_old_one_serving_and_says_so(life: Any, outcome: str) -> None:
    life.stage()
    life.change(gates=GATES)
    life.stage(outcome, "gate rows: 4 is below 5")
    assert life.served() == OLD
    staged = life.condition("Staged")
    assert (staged.status, staged.message) == ("False", "gate rows: 4 is below 5")
    assert life.condition("Ready").status == "True"
    assert drops(life.look()) == NEW
    assert (life.condition("Staged").status, life.served()) == ("False", OLD)
    life.look(after=86400)
    assert [(r.revision, r.state) for r in life.status.runs] == [(0, RunState.STAGED), (1, RunState.REJECTED)]


def test_a_change_that_is_taken_back_needs_no_staging(life: Any) -> None:
    life.stage()
    life.change(gates=GATES)
    life.stage("Rejected")
    life.change(gates=[])
    life.look()
    assert (life.condition("Staged").status, life.served()) == ("True", OLD)
    assert RunState.STAGING not in [record.state for record in life.status.runs]


def test_a_staging_for_the_spec_as_it_was_is_stopped_and_its_outcome_is_not_served(life: Any) -> None:
    life.look()
    life.look()
    life.look(staging=life.running())
    life.change(gates=GATES)
    marked = life.look(staging=life.running())
    assert (marked.actions, life.record.stopping) == ((), "Superseded")
    stopping = life.look(staging=life.running())
    assert [type(action) for action in stopping.actions] == [StopStaging]
    life.look(staging=life.running(JobState.STOPPED))
    assert (life.record.state, life.record.reason) == (RunState.REJECTED, "Superseded")
    assert life.condition("Staged").status == "Unknown"
    life.look()
    assert (life.record.revision, life.record.state) == (1, RunState.STAGING)
    assert life.served() == []


def test_a_report_about_the_spec_as_it_was_promotes_nothing(life: Any) -> None:
    life.look()
    life.change(gates=GATES)
    life.look(staging=life.running(), report=life.report())
    assert life.served() == []
    assert life.record.reason == "Superseded"


def test_a_recorded_staging_that_ray_never_got_is_not_submitted_for_another_spec(life: Any) -> None:
    life.look()
    life.change(vectors=[])
    result = life.look()
    assert result.actions == ()
    assert life.record.reason == "Superseded"


def test_where_a_person_promotes_the_new_staging_waits_beside_the_old(life: Any) -> None:
    life.stage()
    life.change(promotion="Manual")
    life.change(gates=GATES)
    life.stage()
    assert (life.served(), life.condition("Promoted").reason) == (OLD, "AwaitingPromotion")
    assert drops(life.look(after=86400)) == []
    life.change(pinnedRunRef={"name": "r-1"})
    life.look()
    assert life.served() == NEW


def test_a_rollback_goes_to_what_was_staged_and_says_that_it_is_of_the_spec_as_it_was(life: Any) -> None:
    life.stage()
    life.runs.append("r-2")
    life.stage()
    life.change(gates=GATES)
    life.stage()
    assert (life.served(), life.status.previous_run) == (["images__r_2_r2"] * 2, "r-1")
    life.change(pinnedRunRef={"name": "r-1"})
    life.look()
    assert (life.served(), life.status.previous_run) == (OLD, "r-2")
    assert "before spec.features, vectors or gates changed" in life.condition("Promoted").message
    life.look()
    assert drops(life.look(after=60)) == ["images__r_2"] * 2
    life.change(pinnedRunRef=None)
    life.look()
    assert life.served() == ["images__r_2_r2"] * 2


def test_the_public_name_of_what_the_spec_no_longer_names_goes_with_its_data(life: Any) -> None:
    life.stage()
    life.change(features=[])
    life.stage()
    assert life.served() == ["images__r_1_r1"]
    life.look()
    late = life.look(after=60)
    assert [(a.output.kind, a.public) for a in late.cleanup] == [("Features", True), ("Embeddings", False)]


def test_a_directory_that_a_newer_staging_needs_outlives_the_older_one(life: Any) -> None:
    life.stage()
    life.change(gates=GATES)
    life.stage()
    life.look()
    late = life.look(after=60, job=None)
    assert [type(action) for action in late.cleanup] == [Drop, Drop]


def test_a_directory_goes_with_the_last_staging_that_has_data_of_it(life: Any) -> None:
    life.stage()
    life.change(gates=GATES)
    life.stage("Rejected")
    life.look()
    record = life.status.runs[0]
    record.state, record.retire_at, life.status.active = RunState.RETIRING, life.now, None
    late = life.look(job=None, missing="TrainingJob 'digits' does not exist")
    assert [type(action) for action in late.cleanup] == [Drop, Drop, DropRun]
