"""A run is staged again, once, under new names and beside what is served, when its view or collection changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from penstock.api.materialization import RunState
from penstock.api.meta import DeletionPolicy
from penstock.api.views import FeatureViewSpec, VectorCollectionSpec
from penstock_operator.materialization.observed import Drop, Stage, StopStaging, Targets
from penstock_operator.ports import JobState
from penstock_operator.target import COLLECTION_FIELDS, VIEW_FIELDS

OLD, NEW = ["images__r_1"] * 2, ["images__r_1_r1"] * 2
INK, HUE = {"name": "ink", "type": "Float32"}, {"name": "hue", "type": "Int32"}
MISSING = "spec.vectors[0].vectorCollectionRef: VectorCollection 'images' does not exist: create it"


def respec(life: Any, kind: str, **fields: Any) -> None:
    """Apply a view or collection with other fields, as its own users do: the Materialization does not change."""
    targets = life.seen.targets
    found = (targets.views if kind == "view" else targets.collections)["images"]
    found.spec = type(found.spec).model_validate({**found.spec.to_wire(), **fields})
    found.metadata.generation += 1


def drops(result: Any) -> list[str]:
    return [action.output.physical for action in result.cleanup if isinstance(action, Drop)]


def lose(life: Any) -> Targets:
    """The collection is deleted; what there was."""
    before = life.seen.targets
    life.seen = replace(life.seen, targets=replace(before, collections={}), missing=MISSING)
    return before


def find(life: Any, targets: Targets) -> None:
    life.seen = replace(life.seen, targets=targets, missing="")


CHANGES: list[tuple[str, dict[str, Any]]] = [
    ("view", {"features": [INK, HUE]}),
    ("view", {"features": [{"name": "ink", "type": "Float64"}]}),
    ("view", {"entities": [{"name": "id", "type": "String"}]}),
    ("view", {"timestampField": "seen_at"}),
    ("view", {"ttlSeconds": 60}),
    ("collection", {"dimension": 8}),
    ("collection", {"metric": "L2"}),
    ("collection", {"index": {"type": "HNSW"}}),
    ("collection", {"index": {"recallTarget": "0.5"}}),
    ("collection", {"scalarFields": [HUE]}),
    ("collection", {"serving": "InMemory"}),
    ("collection", {"storeRef": {"name": "another"}}),
]


@pytest.mark.parametrize(("kind", "fields"), CHANGES, ids=str)
def test_what_is_served_stays_until_the_changed_target_is_staged(life: Any, kind: str, fields: dict[str, Any]) -> None:
    life.stage()
    life.look()
    respec(life, kind, **fields)
    life.look()
    what = "FeatureView 'images'" if kind == "view" else "VectorCollection 'images'"
    staged, ready = life.condition("Staged"), life.condition("Ready")
    assert (staged.status, staged.reason) == ("Unknown", "Staging")
    assert staged.message == f"Run r-1 is to be staged again, for {what} changed"
    assert (ready.status, life.condition("Promoted").status) == ("True", "True")
    assert ready.message == f"Run r-1 is served; it is as it was staged, before {what} changed"
    assert [(r.revision, r.staging, r.state) for r in life.status.runs] == [(0, 1, "Staged"), (1, 2, "Staging")]
    assert [output.physical for output in life.record.outputs] == NEW
    assert life.record.stage_uri != life.status.runs[0].stage_uri
    assert (life.record.submission_id, life.generation) != (life.status.ended[0], 2)
    assert [type(action) for action in life.look().actions] == [Stage]
    assert life.served() == OLD
    life.look(staging=life.running(), report=life.report())
    assert life.served() == NEW
    assert life.condition("Ready").message == "Run r-1 is served"
    life.look()
    assert drops(life.look(after=60)) == OLD
    for _ in range(3):
        rest = life.look(after=60)
    assert (rest.actions, rest.cleanup, [r.revision for r in life.status.runs]) == ((), [], [1])


UNCHANGED: list[tuple[str, dict[str, Any]]] = [
    ("view", {"deletionPolicy": "Retain"}),
    ("view", {"features": [HUE, INK]}),
    ("collection", {"deletionPolicy": "Retain"}),
    ("collection", {"index": {"type": "HNSW", "recallTarget": "0.5"}}),
]


@pytest.mark.parametrize(("kind", "fields"), UNCHANGED, ids=str)
def test_what_changes_nothing_that_is_staged_stages_nothing(life: Any, kind: str, fields: dict[str, Any]) -> None:
    respec(life, "view", features=[INK, HUE])
    respec(life, "collection", index={"type": "HNSW"})
    life.stage()
    life.look()
    respec(life, kind, **fields)
    for found in (*life.seen.targets.views.values(), *life.seen.targets.collections.values()):
        found.metadata.labels["team"] = "b"
    life.look()
    assert (life.condition("Staged").status, life.condition("Ready").message) == ("True", "Run r-1 is served")
    assert [r.state for r in life.status.runs] == [RunState.STAGED]


def test_of_each_field_it_is_known_whether_it_decides_what_is_staged() -> None:
    for spec, fields in ((FeatureViewSpec, VIEW_FIELDS), (VectorCollectionSpec, COLLECTION_FIELDS)):
        assert {*fields, "deletion_policy"} == set(spec.model_fields)


def test_a_new_staging_that_is_refused_leaves_the_old_one_serving_until_the_target_is_put_right(life: Any) -> None:
    life.stage()
    respec(life, "collection", dimension=8)
    life.stage("Invalid", "Output 'embeddings' has dimension 4, and VectorCollection 'images' has 8")
    assert (life.served(), life.condition("Staged").reason) == (OLD, "InvalidOutput")
    assert "before VectorCollection 'images' changed" in life.condition("Ready").message
    life.look()
    life.look(after=60)
    assert life.condition("Staged").status == "False"
    respec(life, "collection", dimension=4)
    life.look()
    assert (life.served(), life.condition("Staged").status) == (OLD, "True")
    assert RunState.STAGING not in [record.state for record in life.status.runs]


def test_a_run_that_was_refused_is_put_to_a_changed_target(life: Any) -> None:
    life.stage("Invalid", "Output 'embeddings' has dimension 4, and VectorCollection 'images' has 8")
    life.look()
    assert life.record.outputs == []
    respec(life, "collection", dimension=8)
    life.look()
    assert life.record.state is RunState.STAGING
    assert "again, for spec.features, vectors or gates, or what they name, changed" in life.condition("Staged").message


def test_a_target_that_is_there_and_back_again_and_there_is_staged_each_time_afresh(life: Any) -> None:
    """Its generation is not the Materialization's: nothing of an earlier staging may be taken for a later one's."""
    names: list[str] = []
    for turn in range(5):
        respec(life, "collection", metric="L2" if turn % 2 else "Cosine")
        life.look()
        names += [life.record.submission_id, life.record.stage_uri, life.record.outputs[0].physical]
        life.look(staging=life.running(), report=life.report())
        assert len(set(names)) == len(names)
        life.look()
        life.look(after=60)
    assert [record.state for record in life.status.runs] == [RunState.STAGED]


def test_a_staging_for_a_target_as_it_was_is_stopped_and_its_outcome_is_not_served(life: Any) -> None:
    life.look()
    life.look()
    life.look(staging=life.running())
    respec(life, "view", ttlSeconds=60)
    life.look(staging=life.running())
    assert life.record.stopping == "Superseded"
    assert [type(action) for action in life.look(staging=life.running()).actions] == [StopStaging]
    life.look(staging=life.running(JobState.STOPPED), report=life.report())
    assert (life.record.reason, life.served()) == ("Superseded", [])
    assert life.record.message == "FeatureView 'images' changed while run r-1 was being staged"
    life.look()
    assert life.record.state is RunState.STAGING


def test_a_staging_is_submitted_with_the_targets_that_it_was_recorded_for(life: Any) -> None:
    life.look()
    submitted = life.look()
    (action,) = submitted.actions
    assert action.targets == life.seen.targets
    fresh = replace(life.seen.targets, views={})
    life.seen = replace(life.seen, targets=fresh, missing="FeatureView 'images' does not exist")
    waiting = life.look()
    assert (waiting.actions, life.condition("Staged").reason) == ((), "MissingReference")


@pytest.mark.parametrize("promotion", ["Automatic", "Manual"])
def test_a_target_that_is_gone_for_a_while_changes_nothing(life: Any, promotion: str) -> None:
    """Neither what is served, nor what is kept, nor what waits for a person; made anew as it was, nothing is staged."""
    life.stage()
    life.change(promotion=promotion)
    respec(life, "collection", metric="L2")
    life.stage()
    served = life.served()
    assert served == (NEW if promotion == "Automatic" else OLD)
    life.look()
    life.look(after=3600)
    before, promoted = life.status.model_copy(deep=True), life.condition("Promoted")
    kept = lose(life)
    for _ in range(3):
        gone = life.look(after=3600)
        assert (gone.actions, gone.cleanup) == ((), [])
        assert (life.condition("Staged").reason, life.served()) == ("MissingReference", served)
        assert life.condition("Promoted") == promoted
        assert life.status.runs == before.runs
    find(life, kept)
    life.look()
    assert (life.status.runs, life.status.active, life.status.targets) == (before.runs, before.active, before.targets)
    assert life.condition("Staged").status == "True"


def test_a_target_that_goes_right_after_it_was_put_back_keeps_the_pointer_where_it_is(life: Any) -> None:
    life.stage()
    respec(life, "collection", metric="L2")
    life.stage()
    respec(life, "collection", metric="Cosine")
    life.look()
    assert life.served() == OLD
    lose(life)
    for _ in range(3):
        life.look()
        assert life.served() == OLD


def test_a_target_made_anew_in_another_way_is_a_change(life: Any) -> None:
    life.stage()
    kept = lose(life)
    life.look(after=60)
    find(life, kept)
    respec(life, "collection", dimension=8)
    life.look()
    assert (life.record.revision, life.record.state) == (1, RunState.STAGING)


def test_gates_that_change_while_a_target_is_gone_count_all_the_same(life: Any) -> None:
    life.stage()
    life.runs.append("r-2")
    life.look()
    life.look(staging=life.running())
    lose(life)
    life.change(gates=[{"name": "rows", "type": "MinRows", "minRows": {"output": "embeddings", "rows": 5}}])
    life.look(staging=life.running(), report=life.report())
    assert (life.record.reason, life.served()) == ("Superseded", OLD)


def test_a_suspended_materialization_stages_a_changed_target_when_it_is_resumed(life: Any) -> None:
    life.stage()
    life.change(suspend=True)
    respec(life, "view", ttlSeconds=60)
    life.look()
    assert (life.condition("Staged").reason, len(life.status.runs)) == ("Suspended", 1)
    life.change(suspend=False)
    life.look()
    assert life.record.state is RunState.STAGING


def test_a_rollback_goes_to_what_was_staged_before_the_target_changed(life: Any) -> None:
    life.stage()
    life.runs.append("r-2")
    life.stage()
    respec(life, "view", ttlSeconds=60)
    life.stage()
    assert (life.served(), life.status.previous_run) == (["images__r_2_r2"] * 2, "r-1")
    life.change(pinnedRunRef={"name": "r-1"})
    life.look()
    assert (life.served(), life.status.previous_run) == (OLD, "r-2")
    assert life.condition("Promoted").message == (
        "Run r-1 is served, as spec.pinnedRunRef says; it is as it was staged, before FeatureView 'images' changed"
    )


def test_retention_is_followed_though_nothing_is_staged_again(life: Any) -> None:
    life.stage()
    respec(life, "collection", deletionPolicy="Retain")
    life.look()
    assert [output.retain for output in life.status.active.outputs] == [False, True]
    assert life.seen.targets.collections["images"].spec.deletion_policy is DeletionPolicy.RETAIN
