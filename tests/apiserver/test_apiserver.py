"""What a real kube-apiserver says of the CRDs and of specs, against what our Validator says."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from large_specs import LARGE

from penstock.api import API_VERSION, KINDS
from penstock.crds import crd
from penstock.crds.validate import Validator

TABLES = Path(__file__).parent.parent / "pure" / "crds"
GOOD = yaml.safe_load((TABLES / "good_specs.yaml").read_text())
BAD = LARGE + yaml.safe_load((TABLES / "bad_specs.yaml").read_text())
SMALLEST = {entry["kind"]: entry["spec"] for entry in GOOD if entry["name"] == "smallest"}
numbers = itertools.count()


def url(kind: str, name: str = "") -> str:
    path = f"/apis/{API_VERSION}/namespaces/default/{KINDS[kind].PLURAL}"
    return f"{path}/{name}?fieldValidation=Strict" if name else f"{path}?fieldValidation=Strict"


def resource(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    name = f"test-{next(numbers)}"
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name, "namespace": "default"}, "spec": spec}


@pytest.mark.parametrize("kind", KINDS)
def test_definition_is_established(kind: str, established: dict[str, list[dict[str, str]]]) -> None:
    conditions = {entry["type"]: entry for entry in established[kind]}
    assert conditions["Established"]["status"] == "True", conditions
    assert conditions["NamesAccepted"]["status"] == "True", conditions
    assert "NonStructuralSchema" not in conditions, conditions


@pytest.mark.usefixtures("established")
@pytest.mark.parametrize("entry", GOOD, ids=lambda entry: f"{entry['kind']}-{entry['name']}")
def test_good_spec_is_accepted_with_our_defaults(entry: dict[str, Any], apiserver: httpx2.Client) -> None:
    kind = entry["kind"]
    obj = resource(kind, entry["spec"])
    answer = apiserver.post(url(kind), json={**obj, "spec": entry.get("old", entry["spec"])})
    assert answer.status_code == 201, answer.text
    if "old" in entry:
        obj["metadata"] = answer.json()["metadata"]
        answer = apiserver.put(url(kind, obj["metadata"]["name"]), json=obj)
        assert answer.status_code == 200, answer.text
    assert answer.json()["spec"] == Validator(crd(KINDS[entry["kind"]])).default(obj)["spec"]


@pytest.mark.usefixtures("established")
@pytest.mark.parametrize("entry", BAD, ids=lambda entry: f"{entry['kind']}-{entry['case'].replace(' ', '-')}")
def test_bad_spec_is_refused_in_the_words_of_our_validator(entry: dict[str, Any], apiserver: httpx2.Client) -> None:
    kind = entry["kind"]
    obj = resource(kind, {**SMALLEST[kind], **entry["spec"]})
    if "old" in entry:
        before = {**obj, "spec": {**SMALLEST[kind], **entry["old"]}}
        stored = apiserver.post(url(kind), json=before)
        assert stored.status_code == 201, stored.text
        obj["metadata"] = stored.json()["metadata"]
        answer = apiserver.put(url(kind, obj["metadata"]["name"]), json=obj)
    else:
        answer = apiserver.post(url(kind), json=obj)
    assert answer.status_code in (400, 422), answer.text
    assert entry["error"] in plain(answer.json()["message"])


@pytest.mark.usefixtures("established")
def test_name_that_the_stores_cannot_hold_is_refused(apiserver: httpx2.Client) -> None:
    obj = resource("VectorStore", {})
    obj["metadata"]["name"] = "a.b"
    answer = apiserver.post(url("VectorStore"), json=obj)
    assert answer.status_code == 422
    assert 'metadata.name: Invalid value: "a.b": should match' in plain(answer.json()["message"])


def plain(message: str) -> str:
    """The message without the repetition of the field's path inside it."""
    return re.sub(r"\S+ in body (should|must)", r"\1", message)
