"""Several managers of one object: each entry of a list map has its own, and a union is switched whole."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from penstock.api import API_VERSION, KINDS

pytestmark = pytest.mark.usefixtures("established")
Apply = Callable[[str, dict[str, Any]], dict[str, Any]]
numbers = itertools.count()

MINIMUM = {"name": "g", "type": "MinRows", "minRows": {"output": "o", "rows": 1}}
SHIFT = {"name": "g", "type": "CentroidShift", "centroidShift": {"output": "o", "max": "0.5"}}
GIT = {"type": "Git", "git": {"url": "https://git.example/a", "revision": "0" * 40}}
REF = {"name": "s", "key": "k"}


@pytest.fixture
def applied(apiserver: httpx2.Client) -> Callable[[str], Apply]:
    """Makes what applies specs of one new object; the answer is its spec."""

    def of(kind: str) -> Apply:
        name = f"applied-{next(numbers)}"

        def apply(manager: str, spec: dict[str, Any]) -> dict[str, Any]:
            body = {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}
            answer = apiserver.patch(
                f"/apis/{API_VERSION}/namespaces/default/{KINDS[kind].PLURAL}/{name}",
                params={"fieldManager": manager, "force": "true", "fieldValidation": "Strict"},
                content=json.dumps(body),
                headers={"Content-Type": "application/apply-patch+yaml"},
            )
            assert answer.is_success, answer.text
            found: dict[str, Any] = answer.json()["spec"]
            return found

        return apply

    return of


def job(**fields: Any) -> dict[str, Any]:
    return {"source": {"type": "Path", "path": "/code"}, "entrypoint": "train.py", **fields}


def feeding(*names: str, **fields: Any) -> dict[str, Any]:
    features = [{"name": name, "output": "o", "featureViewRef": {"name": name}} for name in names]
    return {"trainingJobRef": {"name": "j"}, "features": features, "gates": [], **fields}


def test_another_manager_switches_the_member_of_a_union(applied: Callable[[str], Apply]) -> None:
    apply = applied("TrainingJob")
    apply("a", job(env=[{"name": "A", "value": "a"}]))
    spec = apply("b", {"source": GIT, "entrypoint": "train.py", "env": [{"name": "A", "secretKeyRef": REF}]})
    assert (spec["source"], spec["env"]) == (GIT, [{"name": "A", "secretKeyRef": REF}])
    assert apply("a", job(env=[{"name": "A", "value": "b"}]))["env"] == [{"name": "A", "value": "b"}]


def test_another_manager_switches_the_type_of_a_gate(applied: Callable[[str], Apply]) -> None:
    apply = applied("Materialization")
    apply("a", feeding("v", gates=[MINIMUM, {**MINIMUM, "name": "h"}]))
    gates = {gate["name"]: gate for gate in apply("b", feeding("v", gates=[SHIFT]))["gates"]}
    assert gates == {"g": SHIFT, "h": {**MINIMUM, "name": "h"}}


def test_another_manager_switches_an_option(applied: Callable[[str], Apply]) -> None:
    def store(option: dict[str, Any]) -> dict[str, Any]:
        return {"project": "p", "onlineStore": {"type": "redis", "options": [{"name": "password", **option}]}}

    apply = applied("FeatureStore")
    apply("a", store({"value": "open"}))
    found = apply("b", store({"secretKeyRef": REF}))["onlineStore"]["options"]
    assert found == [{"name": "password", "secretKeyRef": REF}]


def test_each_manager_has_its_own_entries(applied: Callable[[str], Apply]) -> None:
    apply = applied("Materialization")
    apply("a", feeding("one", gates=[MINIMUM]))
    both = apply("b", feeding("two"))
    assert {entry["name"] for entry in both["features"]} == {"one", "two"}
    assert both["gates"] == [MINIMUM]
    alone = apply("b", feeding())
    assert [entry["name"] for entry in alone["features"]] == ["one"]
