"""What holds for every kind."""

from __future__ import annotations

import re
from typing import Any

import pytest

from penstock.api import API_VERSION, KINDS
from penstock.api.meta import Model
from penstock.api.trainingjob import Workers
from penstock.crds import crd

kinds = pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.__name__)


def models(model: Any = Model) -> set[type[Model]]:
    return {model} | {inner for child in model.__subclasses__() for inner in models(child)}


@kinds
def test_kind_and_version_are_fixed(kind: Any) -> None:
    assert kind.model_fields["kind"].default == kind.__name__
    assert kind.model_fields["api_version"].default == API_VERSION


@kinds
def test_plural_and_short_names_are_of_one_kind(kind: Any) -> None:
    mine = {kind.PLURAL, *kind.SHORT, kind.__name__.lower()}
    others = {
        name
        for other in KINDS.values()
        if other is not kind
        for name in (other.PLURAL, *other.SHORT, other.__name__.lower())
    }
    assert not mine & others


@kinds
def test_conditions_and_reasons_follow_the_conventions(kind: Any) -> None:
    assert "Ready" in kind.CONDITIONS or "Succeeded" in kind.CONDITIONS
    for condition, reasons in (kind.CONDITIONS | kind.COMMON_CONDITIONS).items():
        assert re.fullmatch(r"[A-Z][A-Za-z]*", condition)
        for reason in reasons:
            assert re.fullmatch(r"[A-Z][A-Za-z0-9]*", reason.value)
            assert reason.meaning.endswith(".")
            assert not reason.remedy or reason.remedy.endswith((".", "`"))


@kinds
def test_columns_show_a_condition_first_and_the_age(kind: Any) -> None:
    assert kind.COLUMNS[0].name in kind.CONDITIONS
    assert "Age" in [column.name for column in kind.COLUMNS]


def test_durations_and_references_are_named_as_the_conventions_say() -> None:
    for model in models():
        if not model.__module__.startswith("penstock.api"):
            continue
        for name, field in model.model_fields.items():
            assert not re.search(r"(timeout|deadline|ttl|backoff|period)$", name), f"{model.__name__}.{name}"
            if "Ref" in str(field.annotation) and "OwnerReference" not in str(field.annotation):
                assert name.endswith("_ref"), f"{model.__name__}.{name}"


def test_wire_form_is_camel_case_without_nulls() -> None:
    job = KINDS["TrainingJob"].model_validate(
        {"metadata": {"name": "a"}, "spec": {"source": {"type": "Path", "path": "."}, "entrypoint": "a.py"}}
    )
    wire = job.to_wire()
    assert wire["spec"]["historyLimit"] == 5
    assert "attemptDeadlineSeconds" not in wire["spec"]
    assert KINDS["TrainingJob"].model_validate(wire) == job


@pytest.mark.parametrize(
    ("memory", "expected"),
    [
        (None, None),
        ("512", 512),
        ("4Gi", 4 << 30),
        ("1.5G", 1_500_000_000),
        ("100Mi", 100 << 20),
        ("8Ki", 8192),
    ],
)
def test_memory_is_read_as_kubernetes_writes_it(memory: str | None, expected: int | None) -> None:
    assert Workers(memory=memory).memory_bytes == expected


COMMON_SHORT_NAMES = {
    "vs",
    "vsc",
    "vc",
    "vcjob",
    "fs",
    "fv",
    "cj",
    "cm",
    "cs",
    "ds",
    "ep",
    "ev",
    "hpa",
    "ing",
    "pv",
    "pvc",
}
"""Of Kubernetes itself, and of the snapshots, meshes and batch systems that clusters with GPUs have."""


def test_each_kind_says_whether_it_is_ready_and_no_short_name_is_anothers() -> None:
    short = [name for kind in KINDS.values() for name in kind.SHORT]
    assert len(short) == len(set(short)) == len(KINDS)
    assert not COMMON_SHORT_NAMES & set(short)
    assert all({"Ready", "Reconciled"} <= (kind.CONDITIONS | kind.COMMON_CONDITIONS).keys() for kind in KINDS.values())
    assert all(crd(kind)["spec"]["names"]["categories"] == ["penstock"] for kind in KINDS.values())
