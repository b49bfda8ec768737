"""The CRDs against the models, the files and the lint."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Annotated, Any

import pytest
import yaml
from pydantic import BaseModel, Field

from penstock.api import KINDS, FeatureStore, Materialization, TrainingJob, VectorStore
from penstock.crds import crd, docs, drift, lint, render, write
from penstock.crds.__main__ import main
from penstock.crds.definition import openapi
from penstock.crds.schema import UnsupportedSchema, structural

ROOT = Path(__file__).parents[3]
HINT = "run `python -m penstock.crds write crds --docs docs`"


def spec(kind: Any) -> dict[str, Any]:
    return openapi(crd(kind))["properties"]["spec"]


def test_committed_definitions_are_those_of_the_models() -> None:
    assert drift(ROOT / "crds") == [], HINT


def test_committed_pages_are_those_of_the_models() -> None:
    assert docs.drift(ROOT / "docs") == [], HINT


def test_the_reference_says_each_rule_of_a_kind_once() -> None:
    for section in docs.reference().split("\n## ")[1:]:
        rules = [line for line in section.splitlines() if line.startswith("- ")]
        assert len(rules) == len(set(rules)), section.splitlines()[0]


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.__name__)
def test_lint_finds_nothing(kind: Any) -> None:
    assert lint(crd(kind)) == []


def test_files_parse_to_the_definitions() -> None:
    assert [yaml.safe_load(text) for text in render().values()] == [crd(kind) for kind in KINDS.values()]


def test_drift_names_what_is_missing_changed_and_foreign(tmp_path: Path) -> None:
    paths = write(tmp_path)
    paths[0].unlink()
    paths[1].write_text("changed")
    (tmp_path / "foreign.yaml").write_text("")
    assert drift(tmp_path) == [
        f"{paths[0]}: missing",
        f"{tmp_path / 'foreign.yaml'}: belongs to no kind",
        f"{paths[1]}: differs from the models",
    ]


def test_command_writes_what_it_then_accepts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [str(tmp_path / "crds"), "--docs", str(tmp_path / "docs")]
    assert main(["check", *arguments]) == 1
    assert "missing" in capsys.readouterr().out
    assert main(["write", *arguments]) == 0
    assert main(["check", *arguments]) == 0


def test_every_reason_is_in_troubleshooting() -> None:
    page = docs.troubleshooting()
    for kind in KINDS.values():
        for reasons in (kind.CONDITIONS | kind.COMMON_CONDITIONS).values():
            for reason in reasons:
                assert f"`{reason.value}`" in page


def test_nested_rules_stay_with_their_object() -> None:
    gate = spec(Materialization)["properties"]["gates"]["items"]
    assert gate["x-kubernetes-validations"][0]["message"] == "minRows goes with type MinRows, and only with it"
    assert gate["properties"]["metric"]["x-kubernetes-validations"][0]["message"] == "set min, max, or both"


def test_lists_of_named_objects_are_maps_and_others_atomic() -> None:
    for name in ("gates", "features", "vectors"):
        entries = spec(Materialization)["properties"][name]
        assert (entries["x-kubernetes-list-type"], entries["x-kubernetes-list-map-keys"]) == ("map", ["name"])
    assert spec(TrainingJob)["properties"]["args"]["x-kubernetes-list-type"] == "atomic"
    conditions = openapi(crd(TrainingJob))["properties"]["status"]["properties"]["conditions"]
    assert conditions["x-kubernetes-list-map-keys"] == ["type"]


def test_a_reference_and_a_union_are_one_value_to_server_side_apply() -> None:
    materialization, job = (spec(kind)["properties"] for kind in (Materialization, TrainingJob))
    whole = (materialization["trainingJobRef"], materialization["gates"]["items"], job["source"], job["env"]["items"])
    assert [part.get("x-kubernetes-map-type") for part in whole] == ["atomic"] * 4
    assert "x-kubernetes-map-type" not in job["workers"]


def test_defaults_of_the_models_are_defaults_of_the_schema() -> None:
    properties = spec(TrainingJob)["properties"]
    assert properties["outputs"]["default"] == []
    assert properties["workers"]["default"] == {"count": 1, "cpus": "1", "gpus": 0}
    assert "default" not in properties["attemptDeadlineSeconds"]
    assert openapi(crd(VectorStore))["properties"]["spec"]["default"]["timeoutSeconds"] == 10
    assert "required" not in openapi(crd(VectorStore))
    assert openapi(crd(FeatureStore))["properties"]["status"]["default"] == {"observedGeneration": 0}


def test_open_bounds_maps_and_unbounded_fields() -> None:
    class Odd(BaseModel):
        steps: int = Field(gt=0, lt=10)
        share: float = Field(gt=0)
        free: str
        many: list[str]
        labels: dict[str, str]

    properties = structural(Odd)["properties"]
    assert (properties["steps"]["minimum"], properties["steps"]["maximum"]) == (1, 9)
    assert (properties["share"]["minimum"], properties["share"]["exclusiveMinimum"]) == (0, True)
    assert properties["free"]["maxLength"] == 1024
    assert (properties["many"]["maxItems"], properties["many"]["items"]["maxLength"]) == (64, 1024)
    assert properties["labels"]["additionalProperties"] == {"type": "string", "maxLength": 1024}


@pytest.mark.parametrize("annotation", [int | str, tuple[int, str], set[str], Any])
def test_types_without_a_structural_form_are_refused(annotation: Any) -> None:
    class Odd(BaseModel):
        field: Annotated[annotation, Field()]

    with pytest.raises(UnsupportedSchema, match=r"Odd\.field"):
        structural(Odd)


def test_lint_names_the_field_of_each_mistake() -> None:
    broken = copy.deepcopy(crd(TrainingJob))
    properties = openapi(broken)["properties"]["spec"]["properties"]
    del properties["entrypoint"]["maxLength"]
    del properties["outputs"]["maxItems"]
    properties["workers"]["title"] = "Workers"
    properties["retry"]["anyOf"] = []
    broken["spec"]["names"]["categories"] = []
    assert lint(broken) == [
        "TrainingJob: spec.names.categories: lacks penstock",
        "TrainingJob: spec.entrypoint: a string without maxLength",
        "TrainingJob: spec.workers: title is not structural",
        "TrainingJob: spec.retry: anyOf is not structural",
        "TrainingJob: spec.outputs: a list without maxItems",
    ]
