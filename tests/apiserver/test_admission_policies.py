"""A real API server refuses by the generated policy what the embedded one refuses, and exempts whom the chart says."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from relics import Relic, chart_with_policy
from waiting import wait_until

from penstock.crds import crd

PATH = "/apis/penstock.dev/v1alpha1/namespaces/default/relics"
POLICIES = "/apis/admissionregistration.k8s.io/v1"
PLURALS = {
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
}
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
USER = {"Impersonate-User": "someone", "Impersonate-Group": "system:masters"}
OPERATOR = {**USER, "Impersonate-User": "system:serviceaccount:penstock:penstock-operator"}
EXEMPT = {
    "the operator": OPERATOR,
    "who is named": {**USER, "Impersonate-User": "velero"},
    "the controller manager": {**USER, "Impersonate-User": "system:kube-controller-manager"},
}
GARBAGE_COLLECTOR = [
    ("Impersonate-User", "system:serviceaccount:kube-system:generic-garbage-collector"),
    ("Impersonate-Group", "system:serviceaccounts:kube-system"),
    ("Impersonate-Group", "system:masters"),
]
numbers = itertools.count()


def relic(**spec: Any) -> dict[str, Any]:
    meta = {"name": f"relic-{next(numbers)}", "namespace": "default"}
    return {"apiVersion": "penstock.dev/v1alpha1", "kind": "Relic", "metadata": meta, "spec": spec}


@pytest.fixture(scope="module")
def guarded(apiserver: httpx2.Client, render: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """The API server, once the policy holds."""
    values = {"artifacts": {"uri": "s3://bucket"}, "admission": {"exemptUsers": ["velero"]}}
    rendered = render(values, chart=chart_with_policy(tmp_path_factory.mktemp("chart")))
    objects = {DEFINITIONS: crd(Relic)}
    objects |= {f"{POLICIES}/{plural}": rendered.of(kind)["penstock-relics"] for kind, plural in PLURALS.items()}
    for path, obj in objects.items():
        answer = apiserver.post(path, json=obj)
        assert answer.status_code == 201, answer.text
    wait_until(lambda: apiserver.post(PATH, json=relic(), params={"dryRun": "All"}, headers=USER).status_code == 403)
    yield apiserver
    for path, obj in objects.items():
        apiserver.delete(f"{path}/{obj['metadata']['name']}")


def made(guarded: httpx2.Client, **spec: Any) -> dict[str, Any]:
    answer = guarded.post(PATH, json=relic(**spec), headers=OPERATOR)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def at(obj: dict[str, Any]) -> str:
    return f"{PATH}/{obj['metadata']['name']}"


def refusal(answer: httpx2.Response) -> tuple[int, str, str]:
    body = answer.json()
    return answer.status_code, body["reason"], body["message"].partition("denied request: ")[2]


def test_a_user_makes_none_and_changes_no_spec(guarded: httpx2.Client) -> None:
    answer = guarded.post(PATH, json=relic(), headers=USER)
    assert refusal(answer) == (403, "Forbidden", "a Relic is made by Penstock alone")
    obj = made(guarded)
    answer = guarded.put(at(obj), json={**obj, "spec": {"note": "mine"}}, headers=USER)
    assert refusal(answer) == (403, "Forbidden", "the spec of a Relic is changed by Penstock alone")
    obj["metadata"]["labels"] = {"a": "b"}
    labelled = guarded.put(at(obj), json=obj, headers=USER)
    assert labelled.status_code == 200, labelled.text
    status = {**labelled.json(), "status": {"observedGeneration": 1}}
    assert guarded.put(f"{at(obj)}/status", json=status, headers=USER).status_code == 200


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"served": True}, "it is served: withdraw it first"),
        ({"note": "{{ kept }}"}, "it is kept, in helm's own letters: {{ kept }}"),
    ],
)
def test_a_user_deletes_what_no_rule_keeps(guarded: httpx2.Client, spec: dict[str, Any], message: str) -> None:
    obj = made(guarded, **spec)
    assert refusal(guarded.delete(at(obj), headers=USER)) == (403, "Forbidden", message)
    assert guarded.delete(PATH, headers=USER).status_code == 403, "nor all at once"
    free = made(guarded)
    assert guarded.delete(at(free), headers=USER).status_code == 200
    assert guarded.get(at(free)).status_code == 404


def test_what_goes_already_may_be_deleted_again(guarded: httpx2.Client) -> None:
    obj = relic(served=True)
    obj["metadata"]["finalizers"] = ["example.com/f"]
    assert guarded.post(PATH, json=obj, headers=OPERATOR).status_code == 201
    assert guarded.delete(at(obj), headers=OPERATOR).status_code == 200
    assert guarded.delete(at(obj), headers=USER).status_code == 200
    marked = guarded.get(at(obj)).json()
    marked["metadata"]["finalizers"] = []
    assert guarded.put(at(obj), json=marked, headers=USER).status_code == 200
    assert guarded.get(at(obj)).status_code == 404


@pytest.mark.parametrize("who", EXEMPT)
def test_who_is_exempt_makes_changes_and_deletes(guarded: httpx2.Client, who: str) -> None:
    headers = EXEMPT[who]
    answer = guarded.post(PATH, json=relic(served=True), headers=headers)
    assert answer.status_code == 201, answer.text
    obj = answer.json()
    obj["spec"]["note"] = "changed"
    assert guarded.put(at(obj), json=obj, headers=headers).status_code == 200
    assert guarded.delete(at(obj), headers=headers).status_code == 200


def test_the_policies_of_the_kinds_are_taken(apiserver: httpx2.Client, render: Any) -> None:
    rendered = render({"artifacts": {"uri": "s3://bucket"}})
    for kind, plural in PLURALS.items():
        assert rendered.of(kind)
        for obj in rendered.of(kind).values():
            answer = apiserver.post(f"{POLICIES}/{plural}", json=obj, params={"dryRun": "All"})
            assert answer.status_code == 201, answer.text


def test_garbage_is_collected(guarded: httpx2.Client) -> None:
    obj = made(guarded, served=True)
    answer = guarded.delete(at(obj), headers=GARBAGE_COLLECTOR)
    assert answer.status_code == 200, answer.text
