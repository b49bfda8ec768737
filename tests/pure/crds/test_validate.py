"""Our checks of specs; the very tables are also put to a real kube-apiserver in tests/apiserver."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from large_specs import LARGE

from penstock.api import API_VERSION, KINDS, TrainingJob
from penstock.crds import crd
from penstock.crds.validate import Cause, Validator

GOOD = yaml.safe_load((Path(__file__).parent / "good_specs.yaml").read_text())
BAD = LARGE + yaml.safe_load((Path(__file__).parent / "bad_specs.yaml").read_text())
SMALLEST = {entry["kind"]: entry["spec"] for entry in GOOD if entry["name"] == "smallest"}
VALIDATORS = {name: Validator(crd(kind)) for name, kind in KINDS.items()}


def resource(kind: str, spec: dict[str, Any], **extra: Any) -> dict[str, Any]:
    obj = {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": "a"}, "spec": spec, **extra}
    return VALIDATORS[kind].default(obj)


def errors(kind: str, spec: dict[str, Any], old: dict[str, Any] | None = None) -> list[str]:
    before = None if old is None else resource(kind, old)
    return [str(error) for error in VALIDATORS[kind].validate(resource(kind, spec), before)]


@pytest.mark.parametrize("entry", GOOD, ids=lambda entry: f"{entry['kind']}-{entry['name']}")
def test_good_spec_is_accepted_and_read_by_the_model(entry: dict[str, Any]) -> None:
    assert errors(entry["kind"], entry["spec"], entry.get("old", entry["spec"])) == []
    obj = resource(entry["kind"], entry["spec"])
    assert KINDS[entry["kind"]].model_validate(obj).spec.to_wire() == obj["spec"]


@pytest.mark.parametrize("entry", GOOD, ids=lambda entry: f"{entry['kind']}-{entry['name']}")
def test_defaults_are_those_of_the_model(entry: dict[str, Any]) -> None:
    plain = KINDS[entry["kind"]].model_validate(
        {"metadata": {"name": "a"}, "spec": entry["spec"], "kind": entry["kind"]}
    )
    assert plain.spec.to_wire() == resource(entry["kind"], entry["spec"])["spec"]


@pytest.mark.parametrize("entry", BAD, ids=lambda entry: f"{entry['kind']}-{entry['case'].replace(' ', '-')}")
def test_bad_spec_is_refused_by_name_of_the_field(entry: dict[str, Any]) -> None:
    base = SMALLEST[entry["kind"]]
    old = {**base, **entry["old"]} if "old" in entry else None
    found = errors(entry["kind"], {**base, **entry["spec"]}, old)
    assert any(entry["error"] in line for line in found), found
    if old is not None:
        assert errors(entry["kind"], old) == []


def test_unknown_field_comes_with_what_was_perhaps_meant() -> None:
    spec = {**SMALLEST["TrainingJob"], "worker": {}}
    assert errors("TrainingJob", spec) == ['unknown field "spec.worker": did you mean "workers"?']
    obj = {**resource("TrainingJob", SMALLEST["TrainingJob"]), "metadata": {"name": "a", "lables": {}}}
    (error,) = VALIDATORS["TrainingJob"].validate(obj)
    assert (error.path, error.cause) == ("metadata.lables", Cause.UNKNOWN)
    assert VALIDATORS["TrainingJob"].validate(obj, strict=False) == []


def test_rules_wait_until_the_structure_is_right() -> None:
    spec = {**SMALLEST["TrainingJob"], "workers": {"count": 2, "gpus": "one"}}
    assert errors("TrainingJob", spec) == ['spec.workers.gpus: Invalid value: "string": must be of type integer']


@pytest.mark.parametrize(("given", "cores"), [(2, 2.0), ("2", 2.0), ("0.5", 0.5), ("500m", 0.5), (0, 0.0)])
def test_a_quantity_may_be_written_as_a_number(given: int | str, cores: float) -> None:
    obj = resource("TrainingJob", {**SMALLEST["TrainingJob"], "workers": {"cpus": given}})
    assert VALIDATORS["TrainingJob"].validate(obj) == []
    assert TrainingJob.model_validate(obj).spec.workers.cores == cores


def test_missing_spec_is_an_error_of_its_own() -> None:
    obj = {"apiVersion": API_VERSION, "kind": "TrainingJob", "metadata": {"name": "a"}}
    assert [str(error) for error in VALIDATORS["TrainingJob"].validate(obj)] == ["spec: Required value"]


def test_status_is_checked_too() -> None:
    condition = {"type": "Succeeded", "status": "Maybe", "reason": "Running", "lastTransitionTime": "yesterday"}
    obj = resource("TrainingJob", SMALLEST["TrainingJob"], status={"conditions": [condition]})
    found = [str(error) for error in VALIDATORS["TrainingJob"].validate(obj)]
    assert found == [
        'status.conditions[0].status: Unsupported value: "Maybe": supported values: "True", "False", "Unknown"',
        'status.conditions[0].lastTransitionTime: Invalid value: "string": must be of type date-time',
    ]


def test_default_and_prune_leave_their_argument_alone() -> None:
    obj = {"metadata": {"name": "a", "labels": {"x": "y"}}, "spec": {"entrypoint": "a.py", "extra": 1}, "other": 1}
    before = repr(obj)
    VALIDATORS["TrainingJob"].default(obj)
    assert VALIDATORS["TrainingJob"].prune(obj) == {"metadata": obj["metadata"], "spec": {"entrypoint": "a.py"}}
    assert repr(obj) == before


# A busy machine must not fail these.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

# Any JSON, and JSON near to a spec.
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = sorted(
    crd(TrainingJob)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
)


@patient
@given(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4))
def test_no_input_breaks_the_checks_and_what_they_accept_the_model_reads(changes: dict[str, Any]) -> None:
    obj = resource("TrainingJob", {**SMALLEST["TrainingJob"], **changes})
    if not VALIDATORS["TrainingJob"].validate(obj):
        job = TrainingJob.model_validate(obj)
        assert TrainingJob.model_validate(job.to_wire()) == job
    assert resource("TrainingJob", obj["spec"]) == obj


@patient
@given(
    count=st.integers(-2, 1026),
    cpus=st.integers(-1, 10_000) | st.text("0.5m-", max_size=6),
    name=st.sampled_from(["Single", "DataParallel", "", "1x"]),
    entrypoint=st.text("/a.py\n", max_size=6),
)
def test_the_model_and_the_schema_agree_on_what_one_field_can_say(
    count: int, cpus: int | str, name: str, entrypoint: str
) -> None:
    spec = {
        "source": {"type": "Path", "path": "/code"},
        "entrypoint": entrypoint,
        "workers": {"count": count, "cpus": cpus},
        "strategy": {"name": name},
    }
    obj = resource("TrainingJob", spec)
    structure = [error for error in VALIDATORS["TrainingJob"].validate(obj) if "strategy Single" not in error.message]
    try:
        TrainingJob.model_validate(obj)
    except ValueError:
        assert structure
    else:
        assert not structure
