"""The chart grants what the operator and the gateway use in a whole life, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from penstock.api import KINDS
from penstock.api.ray import RayBackend, RayCluster, RayType
from penstock.installation import Installation

pytestmark = pytest.mark.apiserver

OBJECTS = Path(__file__).with_name("objects.yaml")
NEEDED = ("Namespace", "ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "Lease")
OPERATOR, GATEWAY = "penstock-operator", "penstock-gateway"
STORE = "vectorstore/milvus"
WRITTEN = [kind.PLURAL for kind in KINDS.values() if not kind.MANAGED]

Right = tuple[str, str, str]
"""API group, resource with its subresource, verb."""

UNUSED: dict[str, dict[Right, str]] = {OPERATOR: {}, GATEWAY: {}}
"""What the life below does not use, and why; one that is used after all is an error."""

KUBERAY = [
    {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.lower()}s.ray.io"},
        "spec": {
            "group": "ray.io",
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": f"{kind.lower()}s"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
                }
            ],
        },
    }
    for kind in ("RayJob", "RayCluster")
]
"""KubeRay's kinds, as far as rights go."""


def granted(rendered: Any, account: str) -> set[Right]:
    """What the chart grants to a service account."""
    subject = {"kind": "ServiceAccount", "name": account, "namespace": "penstock"}
    bindings = [obj for obj in rendered if obj["kind"] in ("RoleBinding", "ClusterRoleBinding")]
    roles = {obj["metadata"]["name"]: obj for obj in rendered if obj["kind"] in ("Role", "ClusterRole")}
    return {
        (group, resource, verb)
        for binding in bindings
        if subject in binding["subjects"]
        for rule in roles[binding["roleRef"]["name"]]["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def used(requests: Iterator[dict[str, Any]]) -> set[Right]:
    """What a service account asked for, as rights; without what everybody who is known may do."""
    found = set()
    for entry in requests:
        if (ref := entry.get("objectRef")) is not None and "resource" in ref:
            resource = "/".join(filter(None, [ref["resource"], ref.get("subresource")]))
            found.add((ref.get("apiGroup", ""), resource, entry["verb"]))
    return found


@pytest.mark.parametrize("namespaces", [(), ("default",)], ids=["cluster", "namespace"])
def test_rights_are_those_that_a_life_uses(
    render: Any, life: Any, vectors: Any, new_replica: Any, namespaces: tuple[str, ...]
) -> None:
    rendered = render({"artifacts": {"uri": "file:///a"}, "watchNamespaces": list(namespaces)})
    install(life, rendered)
    installation = Installation(
        artifacts=str(life.folder / "artifacts"),
        ray=RayBackend(type=RayType.RAY_CLUSTER, ray_cluster=RayCluster(address="http://127.0.0.1:1")),
        feast_registry={"registry_type": "sql", "path": f"sqlite:///{life.folder}/registry.db"},
    )
    replica = new_replica(life.kubeconfig(OPERATOR), installation, vectors, namespaces)
    replica.start()
    try:
        promote(life)
        retain(life)
        flap(life, vectors)
        fail_in_pods(life)
        replica.audit()
        serve(life, installation, namespaces)
        delete(life)
    finally:
        replica.stop()
    for account in (OPERATOR, GATEWAY):
        assert life.refused(account) == [], f"the chart lacks rights of {account}"
        rights, needs = granted(rendered, account), used(life.requests(account))
        unused = UNUSED[account].keys()
        assert needs <= rights, f"{account} may do more than the chart grants"
        assert rights - needs == unused, f"{account} has rights that it does not use, or UNUSED is stale"


def install(life: Any, rendered: Any) -> None:
    """What of the chart has to do with rights, and nothing of an installation before."""
    for kind in ("clusterrolebinding", "clusterrole", "rolebinding -A", "role -A"):
        life.said("delete", *kind.split(), "-l", "app.kubernetes.io/instance=penstock")
    life.log.write_text("")
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "penstock"}}
    first = [obj for obj in rendered if obj["kind"] == "CustomResourceDefinition"]
    for objects in ([namespace, *first, *KUBERAY], [obj for obj in rendered if obj["kind"] in NEEDED]):
        life.said("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(objects))
    life.said("wait", "--for=condition=Established", "crd", "--all")


def promote(life: Any) -> None:
    """A job is trained, staged and promoted."""
    life.said("apply", "-f", str(OBJECTS))
    life.until("promotion", lambda: life.condition("materialization/digits", "Promoted") == "True")


def retain(life: Any) -> None:
    """The run's deletionPolicy follows its job's, there and back."""
    path = "jsonpath={.items[*].spec.deletionPolicy}"
    for policy in ("Retain", "Delete"):
        patch = json.dumps({"spec": {"deletionPolicy": policy}})
        life.said("patch", "trainingjob/digits", "--type=merge", "-p", patch)
        life.until("its run", lambda wanted=policy: life.said("get", "trainingruns", "-o", path).split() == [wanted])


def flap(life: Any, vectors: Any) -> None:
    """A store breaks for a second time, in the same words: the event is counted."""
    for number, broken in enumerate((True, False, True, False)):
        vectors.broken = broken
        life.said("annotate", STORE, f"test={number}", "--overwrite")
        life.until("its health", lambda wanted=str(not broken): life.condition(STORE, "Ready") == wanted)
    counts = "jsonpath={.items[?(@.involvedObject.name=='milvus')].count}"
    life.until("a counted event", lambda: "2" in life.said("get", "events", "-o", counts).split())


def fail_in_pods(life: Any) -> None:
    """Two RayJobs fail, as KubeRay says it, after their pods were long to come; the second is on the Ray cluster of
    the first, which then goes."""
    start = {"jobDeploymentStatus": "Initializing", "rayClusterName": "c", "startTime": "2026-01-01T00:00:00Z"}
    asked = ("", "pods", "list")
    patch = json.dumps({"status": {"jobDeploymentStatus": "Failed", "jobStatus": "FAILED", "message": "boom"}})
    failed: set[str] = set()

    def new() -> set[str]:
        return set(life.said("get", "rayjobs", "-o", "name").split()) - failed

    while len(failed) < 2:
        for name in life.until("a RayJob", new):
            life.said("patch", name, "--type=merge", "-p", json.dumps({"status": start}))
            life.until("a look at the pods", lambda: asked in used(life.requests(OPERATOR)))
            life.said("patch", name, "--type=merge", "-p", patch)
            failed.add(name)
    life.until("the failure", lambda: life.condition("trainingjob/pods", "Succeeded") == "False")
    life.until("the end of its Ray cluster", lambda: not life.said("get", "rayclusters", "-o", "name"))


def serve(life: Any, installation: Installation, namespaces: tuple[str, ...]) -> None:
    """The gateway is asked for the run that is live, and for another one; it opens the stores, which answer nobody.

    It writes its Lease, renews it and, when it ends, deletes it.
    """
    path = life.folder / "installation.json"
    path.write_text(json.dumps(installation.to_wire()))
    life.said("create", "serviceaccount", "reader")
    life.said("create", "rolebinding", "reader", "--clusterrole=penstock-viewer", "--serviceaccount=default:reader")
    token = {"Authorization": f"Bearer {life.said('create', 'token', 'reader').strip()}"}
    wanted = {("penstock.dev", "featurestores", "get"), ("penstock.dev", "vectorstores", "get"), ("", "secrets", "get")}
    with life.gateway(path, "--auth=token-review", *(f"--namespace={name}" for name in namespaces)) as url:
        life.until("the gateway", lambda: wanted <= used(life.requests(GATEWAY)))
        answers = [httpx2.get(f"{url}/v1/default/digits", headers=headers) for headers in (token, {})]
        other = httpx2.get(f"{url}/v1/default/digits", headers=token, params={"run": "no-such-run"})
    assert [answer.status_code for answer in (*answers, other)] == [503, 401, 404], answers[0].text
    assert not life.said("get", "leases", "-n", "penstock", "-l", "app.kubernetes.io/component=gateway", "-o", "name")
    life.said("delete", "rolebinding/reader", "serviceaccount/reader")


def delete(life: Any) -> None:
    """What people made; the operator removes what it made itself."""
    life.said("delete", ",".join(WRITTEN), "--all", "--wait=false")
    life.until("deletion", lambda: not life.said("get", "penstock", "-o", "name"))
    life.said("delete", "-f", str(OBJECTS), "--ignore-not-found")
