"""The chart against a real API server: it takes every object, warns of none, and an upgrade loses nothing."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from penstock.client import gateway_client
from penstock.serving import ServingError

pytestmark = pytest.mark.apiserver

CHART = Path(__file__).parents[2] / "charts" / "penstock"
VALUES = {name: CHART / "ci" / f"{name}-values.yaml" for name in ("quickstart", "production")}
NAMESPACE = "penstock-chart"
OTHERS = ("ServiceMonitor", "PrometheusRule")
"""Kinds of the Prometheus operator, whose definitions are not here."""

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def run(server: Any, commands: Callable[[Any], Command]) -> Command:
    return commands(server)


@pytest.fixture
def namespace(apiserver: httpx2.Client) -> str:
    """A namespace that enforces the restricted Pod Security Standard, and warns of what breaks it."""
    labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
    meta = {"name": NAMESPACE, "labels": labels}
    answer = apiserver.post("/api/v1/namespaces", json={"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
    assert answer.status_code in (201, 409), answer.text
    return NAMESPACE


@pytest.mark.usefixtures("established")
@pytest.mark.parametrize("values", VALUES)
def test_api_server_takes_every_object_without_a_warning(
    run: Command, render: Any, namespace: str, values: str
) -> None:
    objects = [obj for obj in render(VALUES[values], namespace=namespace) if obj["kind"] not in OTHERS]
    # A pod is admitted by itself: of a template it is only warned.
    pods = [
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}, "spec": pod["spec"]}
        for name, pod in render(VALUES[values], namespace=namespace).pods.items()
        if pod.get("kind") != "Pod"
    ]
    assert len(pods) == {"quickstart": 5, "production": 2}[values]
    done = run(
        *("kubectl", "apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "-f", "-"),
        stdin=yaml.safe_dump_all([*objects, *pods]),
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == len(objects) + len(pods)


@pytest.fixture
def release(run: Command, apiserver: httpx2.Client, namespace: str) -> Iterator[str]:
    """The quickstart, installed by helm; the definitions stay those of the other tests."""
    done = helm(run, "install", namespace)
    assert done.returncode == 0, done.stderr
    yield "penstock"
    run("helm", "uninstall", "penstock", "-n", namespace)


def helm(run: Command, verb: str, namespace: str, *flags: str) -> subprocess.CompletedProcess[str]:
    words = ("helm", verb, "penstock", str(CHART), "-n", namespace, "-f", str(VALUES["quickstart"]))
    return run(*words, "--set", "crds.enabled=false", *flags)


def objects(run: Command, namespace: str) -> set[str]:
    """What is in the namespace, and of the release in the whole cluster; without what Kubernetes puts there."""
    kinds = "deploy,sts,svc,secret,cm,sa,role,rolebinding,networkpolicy,pdb,pvc,lease,pod,hpa,ingress"
    here = run("kubectl", "get", kinds, "-n", namespace, "-o", "name").stdout.split()
    everywhere = run(
        *("kubectl", "get", "clusterrole,clusterrolebinding", "-o", "name"),
        *("-l", "app.kubernetes.io/instance=penstock"),
    ).stdout.split()
    return {name for name in [*here, *everywhere] if not name.endswith(("/kube-root-ca.crt", "serviceaccount/default"))}


def field(run: Command, namespace: str, name: str, path: str) -> str:
    return run("kubectl", "get", name, "-n", namespace, "-o", f"jsonpath={{{path}}}").stdout


@pytest.mark.usefixtures("established")
def test_a_namespace_to_watch_that_is_not_there_is_named_and_the_install_can_be_repeated(
    run: Command, namespace: str
) -> None:
    flags = ("--set", "watchNamespaces={here,absent}", "--set", "artifacts.persistence.existingClaim=mine")
    words = (*("helm", "upgrade", "--install", "narrow", str(CHART), "-n", namespace), *flags)
    again = (*words, "-f", str(VALUES["quickstart"]), "--set", "crds.enabled=false")
    run("kubectl", "create", "namespace", "here")
    try:
        done = run(*again)
        assert done.returncode == 1
        assert 'namespaces "absent" not found' in done.stderr
        assert '"here"' not in done.stderr
        run("kubectl", "create", "namespace", "absent")
        done = run(*again)
        assert (done.returncode, done.stderr) == (0, "")
        assert "role.rbac.authorization.k8s.io" in run("kubectl", "get", "role", "-n", "absent", "-o", "name").stdout
    finally:
        run("helm", "uninstall", "narrow", "-n", namespace)


@pytest.mark.usefixtures("established", "release")
def test_upgrade_keeps_the_token_the_claim_and_the_leader(run: Command, namespace: str) -> None:
    kept = [
        ("secret/penstock-ray-token", ".data.token"),
        ("pvc/penstock-artifacts", ".metadata.uid"),
        ("lease/penstock-operator", ".metadata.uid"),
        ("lease/penstock-operator", ".spec.holderIdentity"),
    ]
    patch = '{"spec":{"holderIdentity":"somebody"}}'
    run("kubectl", "patch", "lease/penstock-operator", "-n", namespace, "--type=merge", "-p", patch)
    before = [field(run, namespace, *one) for one in kept]
    assert len(base64.b64decode(before[0])) == 43
    assert before[-1] == "somebody"
    done = helm(run, "upgrade", namespace, "--set", "operator.replicas=3")
    assert done.returncode == 0, done.stderr
    assert [field(run, namespace, *one) for one in kept] == before
    assert field(run, namespace, "deploy/penstock-operator", ".spec.replicas") == "3"


@pytest.mark.usefixtures("established", "release")
def test_uninstall_leaves_what_policy_keeps(run: Command, namespace: str) -> None:
    assert len(objects(run, namespace)) > 30
    done = run("helm", "uninstall", "penstock", "-n", namespace)
    assert done.returncode == 0, done.stderr
    assert objects(run, namespace) == {"persistentvolumeclaim/penstock-artifacts"}


@pytest.mark.usefixtures("established", "release")
def test_install_says_how_to_verify_and_diagnose(run: Command, namespace: str) -> None:
    notes = run("helm", "get", "notes", "penstock", "-n", namespace).stdout
    for words in ("rollout status deployment/penstock-operator", "helm -n penstock-chart test penstock", "Diagnose:"):
        assert words in notes
    assert "export PENSTOCK_SYSTEM_NAMESPACE=penstock-chart" in notes


@pytest.mark.usefixtures("established")
def test_the_command_finds_the_gateway_of_a_release_of_any_name(
    run: Command, apiserver: httpx2.Client, server: Any, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("helm", "install", "foo", str(CHART), "-n", namespace, "--set", "crds.enabled=false")
    done = run(*words, "--set", "artifacts.uri=s3://bucket/prefix")
    try:
        assert done.returncode == 0, done.stderr
        monkeypatch.setenv("PENSTOCK_SYSTEM_NAMESPACE", namespace)
        (tmp_path / "kubeconfig").write_text(json.dumps(server.kubeconfig()))
        with gateway_client(kubeconfig=tmp_path / "kubeconfig") as gateway:
            # No pod is behind it here.
            with pytest.raises(ServingError, match="foo-penstock-gateway"):
                gateway.describe("default", "digits")
            service, port = gateway.url.split("/services/")[1].removesuffix("/proxy").split(":")
        assert field(run, namespace, f"service/{service}", ".spec.ports[0].name") == port
    finally:
        run("helm", "uninstall", "foo", "-n", namespace)
