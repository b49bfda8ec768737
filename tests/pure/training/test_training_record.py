"""The TrainingRun of an attempt says what its manifest says, and is always one that the API keeps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st
from training_house import NOW, UID, attempt, job, last, manifest, ray

from penstock.api import TrainingRun
from penstock.api.trainingjob import AttemptState
from penstock.crds.validate import Validator
from penstock.rundir.manifest import ColumnManifest, OutputManifest
from penstock.wiresize import wire_bytes
from penstock_operator.ports import JobState, Object
from penstock_operator.training.actions import CreateRun
from penstock_operator.training.observed import Observed
from penstock_operator.training.plan import plan
from penstock_operator.training.record import training_run

URI = "/runs/default/digits/0f3c2a10-2"
DEFINITION = yaml.safe_load((Path(__file__).parents[3] / "crds/penstock.dev_trainingruns.yaml").read_text())
COLUMN = ColumnManifest(name="<" * 128, type="<" * 128)


def record(**fields: Any) -> Object:
    made = attempt(AttemptState.RUNNING, 2, source_revision="abc", resume_from="0f3c2a10-1")
    return training_run(job(), made, manifest(2, **fields), URI)


def output(name: str, columns: int = 2) -> OutputManifest:
    kept = [COLUMN.model_copy(update={"name": f"{n:0128}"}) for n in range(columns)]
    return OutputManifest(name=name, kind="Features", format="parquet", rows=7, columns=kept, digest="sha256:1")


def test_it_says_what_the_manifest_says() -> None:
    made = record(params={"epochs": "3"}, metrics={"loss": 1e-05}, outputs=[output("images")])
    run = TrainingRun.model_validate({**made, "metadata": {**made["metadata"], "uid": "r-1"}})
    assert run.spec.training_job_ref.model_dump() == {"name": "digits", "uid": UID}
    assert (run.spec.attempt, run.spec.uri, run.spec.created_at) == (2, URI, NOW)
    assert run.spec.manifest_digest == manifest(2, params={"epochs": "3"}, metrics={"loss": 1e-05}, outputs=[
        output("images")
    ]).digest  # fmt: skip
    assert (run.spec.source_revision, run.spec.resumed_from) == ("abc", "0f3c2a10-1")
    assert [(one.name, one.value) for one in run.spec.params] == [("epochs", "3")]
    assert [(one.name, float(one.value)) for one in run.spec.metrics] == [("loss", 1e-05)]
    (images,) = run.spec.outputs
    assert (images.rows, images.format, len(images.columns)) == (7, "parquet", 2)


def test_columns_beyond_the_room_of_an_object_are_in_the_manifest_alone() -> None:
    made = record(outputs=[output(f"o{n}", 600) for n in range(32)])
    assert len(made["spec"]["outputs"]) == 32
    assert [bool(one["columns"]) for one in made["spec"]["outputs"][-2:]] == [False, False]
    assert wire_bytes(made) < 1_000_000


@given(
    st.dictionaries(st.text(max_size=200), st.floats(allow_nan=False, allow_infinity=False), max_size=80),
    st.integers(0, 3),
)
def test_whatever_was_measured_the_definition_allows(metrics: dict[str, float], outputs: int) -> None:
    made = record(metrics=metrics, outputs=[output(f"o{n}") for n in range(outputs)])
    assert Validator(DEFINITION).validate(made, None, strict=True) == []


def test_a_manifest_that_no_object_can_hold_fails_the_attempt_with_the_field() -> None:
    seen: Observed = replace(ray(JobState.SUCCEEDED), manifest=manifest(outputs=[output("not a name")]))
    result = plan(job(attempt(AttemptState.RUNNING)), seen, NOW)
    assert not [action for action in result.actions if isinstance(action, CreateRun)]
    assert last(result).reason == "InvalidOutput"
    assert "name" in last(result).message
