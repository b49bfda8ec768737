"""The objects of the chart fit together: labels, selectors, names, images, and what a value changes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from matching import fits

from penstock.api import GROUP, KINDS
from penstock_operator.kubernetes.__main__ import parse

CHART = Path(__file__).parents[2] / "charts" / "penstock"


FIXED = {"penstock-installation", "penstock-operator"}


"""Names that the operator and the command know."""


def test_every_object_has_the_labels_and_belongs_to_the_release(render: Any, values: Any) -> None:
    rendered = render(values, "--set", "commonLabels.team=ml")
    for obj in rendered:
        labels = obj["metadata"]["labels"]
        assert labels["app.kubernetes.io/name"] == "penstock"
        assert labels["app.kubernetes.io/instance"] == "penstock"
        assert labels["app.kubernetes.io/managed-by"] == "Helm"
        assert labels["team"] == "ml"
        cluster = obj["kind"].startswith(("Cluster", "CustomResource", "ValidatingAdmission"))
        assert obj["metadata"].get("namespace") == (None if cluster else "penstock"), obj["metadata"]["name"]


def test_lint_finds_nothing_but_the_icon(helm: str, quickstart: Path, production: Path) -> None:
    for values in (quickstart, production):
        command = [helm, "lint", "--strict", "--kube-version", "1.34.0", "-f", values, CHART]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        found = [line for line in done.stdout.splitlines() if line.startswith("[")]
        assert (done.returncode, found) == (0, ["[INFO] Chart.yaml: icon is recommended"])


def test_every_selector_selects_one_set_of_pods(render: Any, production: Path) -> None:
    rendered = render(production, "--set", "quickstart.enabled=true")
    labels = {name: pod["metadata"]["labels"] for name, pod in rendered.pods.items()}
    selectors = [obj["spec"]["selector"] for obj in rendered.of("Service").values()]
    selectors += [obj["spec"]["selector"]["matchLabels"] for obj in rendered.of("PodDisruptionBudget").values()]
    selectors += [obj["spec"]["podSelector"]["matchLabels"] for obj in rendered.of("NetworkPolicy").values()]
    selectors += [obj["spec"]["selector"]["matchLabels"] for obj in rendered.of("Deployment").values()]
    selectors += [obj["spec"]["selector"]["matchLabels"] for obj in rendered.of("StatefulSet").values()]
    assert len(selectors) == 5 + 2 + 5 + 2 + 3
    for selector in selectors:
        assert sum(fits(selector, pod) for pod in labels.values()) == 1, selector
        assert "app.kubernetes.io/version" not in selector, "it would change with a release, and a selector cannot"


def test_service_ports_lead_to_ports_of_the_pods(render: Any, quickstart: Path) -> None:
    rendered = render(quickstart)
    for service in rendered.of("Service").values():
        (pod,) = [p for p in rendered.pods.values() if fits(service["spec"]["selector"], p["metadata"]["labels"])]
        named = {port["name"] for one in pod["spec"]["containers"] for port in one["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= named


def test_service_monitors_find_the_services(render: Any, production: Path) -> None:
    rendered = render(production)
    services = rendered.of("Service").values()
    for monitor in rendered.of("ServiceMonitor").values():
        assert monitor["metadata"]["labels"]["release"] == "prometheus"
        wanted = monitor["spec"]["selector"]["matchLabels"]
        (service,) = [service for service in services if fits(wanted, service["metadata"]["labels"])]
        assert monitor["spec"]["endpoints"][0]["port"] in {port["name"] for port in service["spec"]["ports"]}


def test_two_releases_share_no_name_but_the_known_ones(render: Any, quickstart: Path) -> None:
    one, two = render(quickstart), render(quickstart, "--set", "crds.enabled=false", release="second")
    names = [{(obj["kind"], obj["metadata"]["name"]) for obj in rendered} for rendered in (one, two)]
    assert {name for _, name in names[0] & names[1]} == FIXED
    assert all(len(obj["metadata"]["name"]) <= 63 for obj in render(quickstart, release="r" * 53))


def test_claims_secrets_and_accounts_that_pods_name_are_there(render: Any, quickstart: Path) -> None:
    rendered = render(quickstart)
    for name, pod in rendered.pods.items():
        spec = pod["spec"]
        assert spec.get("serviceAccountName", "penstock-gateway") in rendered.of("ServiceAccount"), name
        for volume in spec.get("volumes", ()):
            if "secret" in volume:
                keys = rendered.of("Secret")[volume["secret"]["secretName"]]["data"]
                assert {item["key"] for item in volume["secret"]["items"]} == set(keys)
            if "persistentVolumeClaim" in volume:
                assert volume["persistentVolumeClaim"]["claimName"] in rendered.of("PersistentVolumeClaim")
            if "configMap" in volume:
                assert volume["configMap"]["name"] in rendered.of("ConfigMap")


def test_production_names_what_is_there_already(render: Any, production: Path) -> None:
    home = render(production).installation
    assert home.ray.kube_ray is not None
    assert home.ray.kube_ray.queue_name == "training"
    assert home.ray.kube_ray.image is None
    assert home.platform_image == "registry.example.com/penstock/ray:0.1.0"
    assert (home.artifacts, home.artifacts_secret) == ("s3://penstock-artifacts/production", "penstock-artifacts")
    assert (home.artifacts_claim, home.ray_token_path) == (None, None)


def test_artifacts_credentials_are_variables_of_operator_and_gateway(render: Any, production: Path) -> None:
    rendered = render(production)
    for name in ("penstock-operator", "penstock-gateway"):
        assert rendered.container(name)["envFrom"] == [{"secretRef": {"name": "penstock-artifacts"}}]


@pytest.mark.parametrize(
    ("value", "kind", "name"), [("configMapName", "configMap", "name"), ("secretName", "secret", "secretName")]
)
def test_authorities_of_the_store_are_where_operator_gateway_and_installation_look(
    render: Any, smallest: dict[str, Any], value: str, kind: str, name: str
) -> None:
    bundle = {value: "company", "key": "root.pem"}
    rendered = render({"artifacts": {**smallest["artifacts"], "caBundle": bundle}})
    path = rendered.installation.artifacts_ca_path
    for one in ("penstock-operator", "penstock-gateway"):
        found = rendered.container(one)
        assert {"name": "AWS_CA_BUNDLE", "value": path} in found["env"]
        (mount,) = [mount for mount in found["volumeMounts"] if mount["name"] == "artifacts-ca"]
        (volume,) = [volume for volume in rendered.pods[one]["spec"]["volumes"] if volume["name"] == "artifacts-ca"]
        assert volume[kind] == {name: "company", "items": [{"key": "root.pem", "path": "ca.crt"}]}
        assert path == f"{mount['mountPath']}/ca.crt"
    plain = render(smallest)
    assert plain.installation.artifacts_ca_path is None
    assert "AWS_CA_BUNDLE" not in {variable["name"] for variable in plain.container("penstock-operator")["env"]}


def test_pods_restart_when_the_installation_changes_and_else_do_not(render: Any, smallest: dict[str, Any]) -> None:
    def templates(*flags: str) -> dict[str, Any]:
        pods = render(smallest, *flags).pods
        return {name: pods[name] for name in ("penstock-operator", "penstock-gateway")}

    assert templates() == templates("--set", "operator.replicas=3,networkPolicy.enabled=false")
    before, after = templates(), templates("--set", "milvus.uri=http://other:19530")
    assert all(before[name] != after[name] for name in before)


def test_operator_understands_its_flags(render: Any, smallest: dict[str, Any]) -> None:
    rendered = render({**smallest, "watchNamespaces": ["a", "b"]})
    flags = parse(rendered.container("penstock-operator")["args"])
    assert (flags.namespace, flags.lease_namespace, flags.port) == (["a", "b"], "penstock", 8081)


@pytest.mark.parametrize(
    ("flags", "image"),
    [
        ("images.tag=", "penstock/operator:0.1.0"),
        ("images.registry=r.example/m/", "r.example/m/penstock/operator:0.1.0"),
        ("images.tag=1", "penstock/operator:1"),
        ("images.tag=1,operator.image.tag=2", "penstock/operator:2"),
        ("operator.image.digest=sha256:ab", "penstock/operator@sha256:ab"),
    ],
)
def test_image_is_chosen_by_digest_tag_or_version(
    render: Any, smallest: dict[str, Any], flags: str, image: str
) -> None:
    assert render(smallest, "--set-string", flags).container("penstock-operator")["image"] == image


@pytest.mark.parametrize("keep", [True, False])
def test_definitions_stay_when_they_are_to_be_kept(render: Any, smallest: dict[str, Any], keep: bool) -> None:
    found = render({**smallest, "crds": {"keep": keep}}).of("CustomResourceDefinition")
    assert found.keys() == {f"{kind.PLURAL}.{GROUP}" for kind in KINDS.values()}
    for definition in found.values():
        kept = definition["metadata"].get("annotations", {}).get("helm.sh/resource-policy") == "keep"
        assert kept is keep
    assert not render({**smallest, "crds": {"enabled": False}}).of("CustomResourceDefinition")


def test_policies_can_be_limited_and_left_out(render: Any, production: Path) -> None:
    policies = render(production).of("NetworkPolicy")
    assert policies.keys() == {"penstock-operator", "penstock-gateway"}
    for policy in policies.values():
        assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
        assert policy["spec"]["ingress"][0]["from"]
        ports = [port["port"] for rule in policy["spec"]["egress"] for port in rule.get("ports", ())]
        assert {53, 443, 6443} <= set(ports)
    assert not render(production, "--set", "networkPolicy.enabled=false").of("NetworkPolicy")


def test_dashboard_is_found_by_the_sidecar(render: Any, production: Path) -> None:
    found = render(production).of("ConfigMap")["penstock-dashboard"]
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert json.loads(found["data"]["penstock.json"])["uid"] == "penstock"
