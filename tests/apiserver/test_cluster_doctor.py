"""`penstock doctor` and `penstock apply` on a real API server, by users of several rights."""

from __future__ import annotations

import base64
import copy
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from typer.testing import CliRunner, Result

from penstock.api import KINDS
from penstock.cli.app import app

pytestmark = [pytest.mark.apiserver, pytest.mark.usefixtures("established")]

SYSTEM, SPACE = "doctor-system", "doctor"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
LEASES = f"/apis/coordination.k8s.io/v1/namespaces/{SYSTEM}/leases"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
Doctor = Callable[..., Result]


def put(apiserver: httpx2.Client, path: str, document: dict[str, Any]) -> None:
    name = document["metadata"]["name"]
    answer = apiserver.post(path, json=document)
    if answer.status_code == 409:
        answer = apiserver.patch(
            f"{path}/{name}", json=document, headers={"Content-Type": "application/merge-patch+json"}
        )
    assert answer.is_success, answer.text


@pytest.fixture
def cluster(apiserver: httpx2.Client) -> None:
    for namespace in (SYSTEM, SPACE):
        apiserver.post("/api/v1/namespaces", json={"metadata": {"name": namespace}})
    installation = {
        "artifacts": "file:///var/lib/penstock",
        "ray": {"type": "RayCluster", "rayCluster": {"address": "http://ray:8265"}},
    }
    data = {"installation.json": json.dumps(installation)}
    config_map = {"metadata": {"name": "penstock-installation"}, "data": data}
    put(apiserver, f"/api/v1/namespaces/{SYSTEM}/configmaps", config_map)
    renew(apiserver, datetime.now(UTC))
    await_served(apiserver)


def await_served(apiserver: httpx2.Client) -> None:
    """A new or changed definition takes the API server a moment."""
    deadline = time.monotonic() + 30
    paths = [f"/apis/penstock.dev/v1alpha1/namespaces/{SPACE}/{kind.PLURAL}" for kind in KINDS.values()]
    while not all(apiserver.get(path).is_success for path in paths):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def renew(apiserver: httpx2.Client, when: datetime) -> None:
    time = when.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    spec = {"holderIdentity": "operator-1", "leaseDurationSeconds": 15, "renewTime": time}
    put(apiserver, LEASES, {"metadata": {"name": "penstock-operator"}, "spec": spec})


@pytest.fixture
def penstock(apiserver: httpx2.Client, server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Doctor:
    monkeypatch.setenv("PENSTOCK_SYSTEM_NAMESPACE", SYSTEM)
    monkeypatch.chdir(tmp_path)

    def run(*words: str, token: str | None = None) -> Result:
        authority = base64.b64encode(server.certificate.read_bytes()).decode()
        config = {
            "clusters": [
                {
                    "name": "c",
                    "cluster": {"server": str(apiserver.base_url).rstrip("/"), "certificate-authority-data": authority},
                }
            ],
            "users": [{"name": "u", "user": {"token": token or server.token}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": SPACE}}],
            "current-context": "c",
        }
        (tmp_path / "config").write_text(yaml.safe_dump(config))
        return CliRunner().invoke(app, [*words, "--kubeconfig", str(tmp_path / "config")])

    return run


def lines(result: Result, sign: str) -> list[str]:
    return [line.removeprefix(sign).strip() for line in result.stdout.splitlines() if line.startswith(sign)]


def test_all_that_can_be_seen_is_well_and_what_is_away_is_named(
    apiserver: httpx2.Client, cluster: None, penstock: Doctor
) -> None:
    store = {"apiVersion": "penstock.dev/v1alpha1", "kind": "FeatureStore", "metadata": {"name": "features"}}
    put(apiserver, f"/apis/penstock.dev/v1alpha1/namespaces/{SPACE}/featurestores", {**store, "spec": {"project": "p"}})
    done = penstock("doctor")
    well, ill = lines(done, "ok"), lines(done, "FAIL")
    assert "The definitions of the 8 kinds are those of this version" in well
    assert f"You may change resources in namespace '{SPACE}'" in well
    assert "Operator operator-1 leads" in well
    assert "Artifacts at file:///var/lib/penstock are on a volume: code goes there by ConfigMaps" in well
    assert [line.split(" (")[0].split(":")[0] for line in ill] == [
        "Ray",
        "FeatureStore 'features' was not looked at yet",
        "The gateway",
    ]
    assert done.exit_code == 1


def test_definitions_of_another_version_and_a_dead_operator_are_found(
    apiserver: httpx2.Client, cluster: None, penstock: Doctor
) -> None:
    path = f"{CRDS}/trainingjobs.penstock.dev"
    before = apiserver.get(path).json()
    changed = copy.deepcopy(before)
    root = changed["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    root["spec"]["properties"]["ofTheFuture"] = {"type": "string"}
    assert apiserver.put(path, json=changed).is_success
    renew(apiserver, datetime.now(UTC) - timedelta(minutes=2))
    try:
        await_served(apiserver)
        ill = lines(penstock("doctor"), "FAIL")
    finally:
        changed = apiserver.get(path).json()
        assert apiserver.put(path, json={**changed, "spec": before["spec"]}).is_success
        await_served(apiserver)
    assert "The definitions of TrainingJob are of another version than this: bring client" in ill[0]
    assert "Operator operator-1 has not renewed Lease penstock-operator in namespace 'doctor-system' for 12" in ill[1]


def test_a_user_who_may_only_look_is_told_what_is_lacking(
    apiserver: httpx2.Client, cluster: None, penstock: Doctor
) -> None:
    accounts = f"/api/v1/namespaces/{SPACE}/serviceaccounts"
    put(apiserver, accounts, {"metadata": {"name": "reader"}})
    plurals = [kind.PLURAL for kind in KINDS.values()]
    rules = [{"apiGroups": ["penstock.dev"], "resources": plurals, "verbs": ["get", "list", "watch"]}]
    put(apiserver, f"{RBAC}/namespaces/{SPACE}/roles", {"metadata": {"name": "reader"}, "rules": rules})
    subjects = [{"kind": "ServiceAccount", "name": "reader", "namespace": SPACE}]
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"}
    binding = {"metadata": {"name": "reader"}, "roleRef": ref, "subjects": subjects}
    put(apiserver, f"{RBAC}/namespaces/{SPACE}/rolebindings", binding)
    token = apiserver.post(f"{accounts}/reader/token", json={"spec": {}}).json()["status"]["token"]
    done = penstock("doctor", token=token)
    well, ill = lines(done, "ok"), lines(done, "FAIL")
    assert f"You may look at resources in namespace '{SPACE}'" in well
    assert "The definitions are not compared: you may not read them" in well
    assert any(line.startswith("Whether an operator leads is not checked") for line in well)
    assert any("(lacking: create trainingjobs, patch trainingjobs, delete trainingjobs and" in line for line in ill)
    assert any(line.startswith("ConfigMap penstock-installation: ") and "may not be read" in line for line in ill)


def test_code_is_applied_as_a_config_map_that_goes_with_the_job(
    apiserver: httpx2.Client, cluster: None, penstock: Doctor, tmp_path: Path
) -> None:
    (tmp_path / "train.py").write_text("print('hello')")
    spec = {"source": {"type": "Path", "path": "."}, "entrypoint": "train.py", "suspend": True}
    job = {"apiVersion": "penstock.dev/v1alpha1", "kind": "TrainingJob", "metadata": {"name": "hello"}, "spec": spec}
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(job))
    first = penstock("apply", "-f", "job.yaml")
    assert first.stdout == "trainingjob.penstock.dev/hello created\n", first.output
    assert penstock("apply", "-f", "job.yaml").stdout == "trainingjob.penstock.dev/hello unchanged\n"
    found = apiserver.get(f"/apis/penstock.dev/v1alpha1/namespaces/{SPACE}/trainingjobs/hello").json()
    name = found["spec"]["source"]["configMapRef"]["name"]
    config_map = apiserver.get(f"/api/v1/namespaces/{SPACE}/configmaps/{name}").json()
    assert config_map["data"]["train.py"] == "print('hello')"
    assert [owner["uid"] for owner in config_map["metadata"]["ownerReferences"]] == [found["metadata"]["uid"]]
    assert "train.py" in penstock("get", "cm", name, "-o", "yaml").stdout
