"""The objects of the chart fit together: labels, selectors, names, images, probes, and what a value changes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from penstock.api import GROUP, KINDS
from penstock.client.installation import gateway_service
from penstock.gateway.__main__ import parser
from penstock.gateway.limits import Limits
from penstock.installation import Installation
from penstock_operator.kubernetes.__main__ import parse

CHART = Path(__file__).parents[2] / "charts" / "penstock"
FIXED = {"penstock-installation", "penstock-operator"}
"""Names that the operator and the command know."""


def installation(rendered: Any) -> Installation:
    text = rendered.of("ConfigMap")["penstock-installation"]["data"]["installation.json"]
    return Installation.model_validate_json(text)


def container(rendered: Any, name: str) -> dict[str, Any]:
    found: dict[str, Any] = rendered.pods[name]["spec"]["containers"][0]
    return found


def fits(selector: dict[str, str], labels: dict[str, str]) -> bool:
    return bool(selector) and selector.items() <= labels.items()


def test_every_object_has_the_labels_and_belongs_to_the_release(render: Any, values: Any) -> None:
    rendered = render(values, "--set", "commonLabels.team=ml")
    for obj in rendered:
        labels = obj["metadata"]["labels"]
        assert labels["app.kubernetes.io/name"] == "penstock"
        assert labels["app.kubernetes.io/instance"] == "penstock"
        assert labels["app.kubernetes.io/managed-by"] == "Helm"
        assert labels["team"] == "ml"
        cluster = obj["kind"].startswith(("Cluster", "CustomResource"))
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


@pytest.mark.parametrize("release", ["penstock", "foo", "r" * 53])
def test_installation_names_the_gateways_service(render: Any, smallest: dict[str, Any], release: str) -> None:
    rendered = render(smallest, release=release)
    named = installation(rendered).gateway
    assert named is not None
    service = rendered.of("Service")[named.service]
    assert [port["name"] for port in service["spec"]["ports"]] == [named.port]
    assert service["metadata"]["labels"]["app.kubernetes.io/component"] == "gateway"
    assert installation(render(smallest, "--set", "gateway.enabled=false")).gateway is None


def test_the_command_without_rights_looks_for_the_service_of_a_release_penstock(
    render: Any, smallest: dict[str, Any]
) -> None:
    service = gateway_service({})
    assert service.port == render(smallest).of("Service")[service.name]["spec"]["ports"][0]["name"]


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


def test_quickstart_is_an_installation_of_its_own(render: Any, quickstart: Path) -> None:
    home = installation(render(quickstart, namespace="ml"))
    assert home.artifacts == "file:///var/lib/penstock/artifacts"
    assert home.artifacts_claim == "penstock-artifacts"
    assert home.ray.ray_cluster is not None
    assert home.ray.ray_cluster.address == "http://penstock-ray.ml:8265"
    assert home.milvus_uri == "http://penstock-milvus.ml:19530"
    assert home.feast_online_store == {"type": "redis", "connection_string": "penstock-redis.ml:6379"}
    assert not home.shared_files


def test_token_of_ray_is_where_the_installation_says(render: Any, quickstart: Path) -> None:
    rendered = render(quickstart)
    path = installation(rendered).ray_token_path
    operator = container(rendered, "penstock-operator")
    (mount,) = [mount for mount in operator["volumeMounts"] if mount["name"] == "ray-token"]
    assert path == f"{mount['mountPath']}/token"
    ray = container(rendered, "penstock-ray")
    assert {"name": "RAY_AUTH_TOKEN_PATH", "value": path} in ray["env"]


def test_production_names_what_is_there_already(render: Any, production: Path) -> None:
    home = installation(render(production))
    assert home.ray.kube_ray is not None
    assert home.ray.kube_ray.queue_name == "training"
    assert home.ray.kube_ray.image is None
    assert home.platform_image == "registry.example.com/penstock/ray:0.1.0"
    assert (home.artifacts, home.artifacts_secret) == ("s3://penstock-artifacts/production", "penstock-artifacts")
    assert (home.artifacts_claim, home.ray_token_path) == (None, None)


def test_stores_of_ones_own_replace_those_of_the_quickstart(render: Any, quickstart: Path) -> None:
    home = installation(render(quickstart, "--set", "milvus.uri=http://m:1,ray.rayCluster.address=http://r:2"))
    assert home.milvus_uri == "http://m:1"
    assert home.ray.ray_cluster is not None
    assert (home.ray.ray_cluster.address, home.ray_token_path) == ("http://r:2", None)


def test_artifacts_credentials_are_variables_of_operator_and_gateway(render: Any, production: Path) -> None:
    rendered = render(production)
    for name in ("penstock-operator", "penstock-gateway"):
        assert container(rendered, name)["envFrom"] == [{"secretRef": {"name": "penstock-artifacts"}}]


@pytest.mark.parametrize(
    ("value", "kind", "name"), [("configMapName", "configMap", "name"), ("secretName", "secret", "secretName")]
)
def test_authorities_of_the_store_are_where_operator_gateway_and_installation_look(
    render: Any, smallest: dict[str, Any], value: str, kind: str, name: str
) -> None:
    bundle = {value: "company", "key": "root.pem"}
    rendered = render({"artifacts": {**smallest["artifacts"], "caBundle": bundle}})
    path = installation(rendered).artifacts_ca_path
    for one in ("penstock-operator", "penstock-gateway"):
        found = container(rendered, one)
        assert {"name": "AWS_CA_BUNDLE", "value": path} in found["env"]
        (mount,) = [mount for mount in found["volumeMounts"] if mount["name"] == "artifacts-ca"]
        (volume,) = [volume for volume in rendered.pods[one]["spec"]["volumes"] if volume["name"] == "artifacts-ca"]
        assert volume[kind] == {name: "company", "items": [{"key": "root.pem", "path": "ca.crt"}]}
        assert path == f"{mount['mountPath']}/ca.crt"
    plain = render(smallest)
    assert installation(plain).artifacts_ca_path is None
    assert "AWS_CA_BUNDLE" not in {variable["name"] for variable in container(plain, "penstock-operator")["env"]}


def test_pods_restart_when_the_installation_changes_and_else_do_not(render: Any, smallest: dict[str, Any]) -> None:
    def templates(*flags: str) -> dict[str, Any]:
        pods = render(smallest, *flags).pods
        return {name: pods[name] for name in ("penstock-operator", "penstock-gateway")}

    assert templates() == templates("--set", "operator.replicas=3,networkPolicy.enabled=false")
    before, after = templates(), templates("--set", "milvus.uri=http://other:19530")
    assert all(before[name] != after[name] for name in before)


def test_operator_understands_its_flags(render: Any, smallest: dict[str, Any]) -> None:
    rendered = render({**smallest, "watchNamespaces": ["a", "b"]})
    flags = parse(container(rendered, "penstock-operator")["args"])
    assert (flags.namespace, flags.lease_namespace, flags.port) == (["a", "b"], "penstock", 8081)


def test_gateway_understands_its_flags(render: Any, smallest: dict[str, Any]) -> None:
    limits = {"requestsPerSecond": 50, "burst": 100, "bodyBytes": 1 << 30}
    auth = {"tokenReview": {"audience": "penstock"}}
    rendered = render(
        {**smallest, "watchNamespaces": ["a", "b"], "gateway": {"limits": limits, "auth": auth, "accessLog": False}}
    )
    flags = parser().parse_args(container(rendered, "penstock-gateway")["args"])
    assert (flags.namespace, flags.host, flags.port) == (["a", "b"], "0.0.0.0", 8080)
    assert (flags.auth, flags.audience) == ("token-review", "penstock")
    assert (flags.rate_limit, flags.rate_burst, flags.body_limit) == (50, 100, 1 << 30)
    assert (flags.drain_seconds, flags.grace_seconds, flags.access_log) == (5, 20, False)


def test_defaults_of_the_limits_are_those_of_the_gateway(render: Any, smallest: dict[str, Any]) -> None:
    flags = parser().parse_args(container(render(smallest), "penstock-gateway")["args"])
    assert Limits(flags.body_limit, flags.entity_limit, flags.query_limit) == Limits()


@pytest.mark.parametrize(
    ("mode", "flags", "reviews"),
    [
        ("tokenReview", ["--auth=token-review"], True),
        ("staticKeys", ["--auth=static-keys", "--keys=/run/secrets/penstock.dev/keys"], False),
        ("none", ["--auth=none"], False),
    ],
)
def test_gateway_knows_who_may_ask(
    render: Any, smallest: dict[str, Any], mode: str, flags: list[str], reviews: bool
) -> None:
    auth = {"mode": mode, "staticKeys": {"secretName": "keys" if mode == "staticKeys" else ""}}
    rendered = render({**smallest, "gateway": {"auth": auth}})
    gateway = container(rendered, "penstock-gateway")
    assert [flag for flag in gateway["args"] if flag.startswith(("--auth", "--keys"))] == flags
    assert ("penstock-gateway-reviews" in rendered.of("ClusterRole")) is reviews
    mounted = {mount["mountPath"] for mount in gateway["volumeMounts"]}
    assert ("/run/secrets/penstock.dev/keys" in mounted) is (mode == "staticKeys")


TLS = {
    "gateway": {"tls": {"enabled": True, "secretName": "tls"}, "ingress": {"enabled": True, "hosts": ["a.example"]}},
    "monitoring": {"serviceMonitor": {"enabled": True}},
}


def test_with_tls_everything_that_asks_the_gateway_does_so_by_it(render: Any, smallest: dict[str, Any]) -> None:
    rendered = render({**smallest, **TLS}, namespace="ml")
    gateway = container(rendered, "penstock-gateway")
    flags = parser().parse_args(gateway["args"])
    (mount,) = [mount for mount in gateway["volumeMounts"] if mount["name"] == "tls"]
    # A file that is mounted by itself is never renewed.
    assert "subPath" not in mount
    assert {str(flags.tls_cert), str(flags.tls_key)} == {f"{mount['mountPath']}/tls.{part}" for part in ("crt", "key")}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert (gateway[probe]["httpGet"]["scheme"], gateway[probe]["httpGet"]["port"]) == ("HTTPS", "https")
    (port,) = rendered.of("Service")["penstock-gateway"]["spec"]["ports"]
    assert (port["name"], port["targetPort"], port["appProtocol"]) == ("https", "https", "https")
    assert gateway["ports"] == [{"name": "https", "containerPort": 8080}]
    (endpoint,) = rendered.of("ServiceMonitor")["penstock-gateway"]["spec"]["endpoints"]
    ca = {"secret": {"name": "tls", "key": "ca.crt"}}
    assert (endpoint["port"], endpoint["scheme"]) == ("https", "https")
    assert endpoint["tlsConfig"] == {"ca": ca, "serverName": "penstock-gateway.ml.svc"}
    assert "scheme" not in rendered.of("ServiceMonitor")["penstock-operator"]["spec"]["endpoints"][0]
    (ingress,) = rendered.of("Ingress").values()
    assert ingress["metadata"]["annotations"] == {"nginx.ingress.kubernetes.io/backend-protocol": "HTTPS"}
    assert ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["port"] == {"name": "https"}
    (rule,) = rendered.of("NetworkPolicy")["penstock-gateway"]["spec"]["ingress"]
    assert rule["ports"] == [{"port": "https", "protocol": "TCP"}]
    (pod,) = rendered.of("Pod").values()
    assert "https://penstock-gateway:8080/readyz" in pod["spec"]["containers"][0]["command"][2]
    named = installation(rendered).gateway
    assert named is not None
    assert (named.port, named.scheme) == ("https", "https")


def test_what_is_said_of_tls_goes_before_the_defaults(render: Any, smallest: dict[str, Any]) -> None:
    annotations = {"nginx.ingress.kubernetes.io/backend-protocol": "GRPCS", "a": "b"}
    ingress = {**TLS["gateway"]["ingress"], "annotations": annotations}  # type: ignore[dict-item]
    monitor = {"enabled": True, "gatewayTlsConfig": {"insecureSkipVerify": True}}
    values = {"gateway": {**TLS["gateway"], "ingress": ingress}, "monitoring": {"serviceMonitor": monitor}}
    rendered = render({**smallest, **values})
    assert rendered.of("Ingress")["penstock-gateway"]["metadata"]["annotations"] == annotations
    (endpoint,) = rendered.of("ServiceMonitor")["penstock-gateway"]["spec"]["endpoints"]
    assert endpoint["tlsConfig"] == {"insecureSkipVerify": True}


def test_gateway_is_killed_after_it_has_drained_and_answered(render: Any, smallest: dict[str, Any]) -> None:
    spec = render({**smallest, "gateway": {"drainSeconds": 7, "graceSeconds": 40}}).pods["penstock-gateway"]["spec"]
    assert {"--drain-seconds=7", "--grace-seconds=40"} <= set(spec["containers"][0]["args"])
    assert spec["terminationGracePeriodSeconds"] > 7 + 40


def test_gateway_can_be_left_out(render: Any, quickstart: Path) -> None:
    rendered = render(quickstart, "--set", "gateway.enabled=false")
    assert [obj["metadata"]["name"] for obj in rendered if "gateway" in obj["metadata"]["name"]] == []


def test_autoscaler_alone_sets_the_replicas(render: Any, smallest: dict[str, Any]) -> None:
    rendered = render(smallest, "--set", "gateway.autoscaling.enabled=true")
    assert "replicas" not in rendered.of("Deployment")["penstock-gateway"]["spec"]
    assert rendered.of("HorizontalPodAutoscaler")["penstock-gateway"]["spec"]["minReplicas"] == 2
    assert render(smallest).of("Deployment")["penstock-gateway"]["spec"]["replicas"] == 2


def test_ingress_leads_to_the_gateway(render: Any, production: Path) -> None:
    (ingress,) = render(production).of("Ingress").values()
    assert ingress["spec"]["rules"][0]["host"] == "penstock.example.com"
    (path,) = ingress["spec"]["rules"][0]["http"]["paths"]
    assert (path["path"], path["backend"]["service"]["name"]) == ("/v1", "penstock-gateway")
    assert ingress["spec"]["tls"] == [{"secretName": "penstock-gateway-tls", "hosts": ["penstock.example.com"]}]


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
    assert container(render(smallest, "--set-string", flags), "penstock-operator")["image"] == image


@pytest.mark.parametrize("keep", [True, False])
def test_definitions_stay_when_they_are_to_be_kept(render: Any, smallest: dict[str, Any], keep: bool) -> None:
    found = render({**smallest, "crds": {"keep": keep}}).of("CustomResourceDefinition")
    assert found.keys() == {f"{kind.PLURAL}.{GROUP}" for kind in KINDS.values()}
    for definition in found.values():
        kept = definition["metadata"].get("annotations", {}).get("helm.sh/resource-policy") == "keep"
        assert kept is keep
    assert not render({**smallest, "crds": {"enabled": False}}).of("CustomResourceDefinition")


def test_quickstart_has_one_volume_on_one_node(render: Any, quickstart: Path) -> None:
    rendered = render(quickstart)
    (claim,) = rendered.of("PersistentVolumeClaim").values()
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    for name, pod in rendered.pods.items():
        if "test" in name:
            continue
        volumes = [volume for volume in pod["spec"]["volumes"] if "persistentVolumeClaim" in volume]
        assert len(volumes) == 1, name
        (term,) = pod["spec"]["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        assert term["topologyKey"] == "kubernetes.io/hostname"
        assert fits(term["labelSelector"]["matchLabels"], pod["metadata"]["labels"])


def test_claim_of_ones_own_is_used_and_not_made(render: Any, quickstart: Path) -> None:
    rendered = render(quickstart, "--set", "artifacts.persistence.existingClaim=mine")
    assert not rendered.of("PersistentVolumeClaim")
    assert installation(rendered).artifacts_claim == "mine"


@pytest.mark.parametrize(("value", "name"), [("", None), ("-", ""), ("fast", "fast")])
def test_storage_class(render: Any, quickstart: Path, value: str, name: str | None) -> None:
    (claim,) = (
        render(quickstart, "--set", f"artifacts.persistence.storageClassName={value}")
        .of("PersistentVolumeClaim")
        .values()
    )
    assert claim["spec"].get("storageClassName") == name


def test_stores_of_the_quickstart_let_nobody_else_in(render: Any, quickstart: Path) -> None:
    rendered = render(quickstart)
    policies = rendered.of("NetworkPolicy")
    # Ray wants its token of everybody, and the API server, through which logs are read, is no peer to be named.
    assert policies["penstock-ray"]["spec"]["ingress"] == [{"ports": [{"port": "ray", "protocol": "TCP"}]}]
    for name in ("redis", "milvus"):
        (rule,) = policies[f"penstock-{name}"]["spec"]["ingress"]
        (peer,) = rule["from"]
        admitted = {
            pod
            for pod, made in rendered.pods.items()
            if fits(peer["podSelector"]["matchLabels"], made["metadata"]["labels"])
        }
        assert admitted == {f"penstock-{one}" for one in ("operator", "gateway", "ray", "redis", "milvus")}
        assert rule["ports"] == [{"port": name, "protocol": "TCP"}]


def test_policies_can_be_limited_and_left_out(render: Any, production: Path) -> None:
    policies = render(production).of("NetworkPolicy")
    assert policies.keys() == {"penstock-operator", "penstock-gateway"}
    for policy in policies.values():
        assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
        assert policy["spec"]["ingress"][0]["from"]
        ports = [port["port"] for rule in policy["spec"]["egress"] for port in rule.get("ports", ())]
        assert {53, 443, 6443} <= set(ports)
    assert not render(production, "--set", "networkPolicy.enabled=false").of("NetworkPolicy")


def test_a_limited_gateway_lets_prometheus_and_the_test_in(render: Any, production: Path) -> None:
    rendered = render(production)
    (rule,) = rendered.of("NetworkPolicy")["penstock-gateway"]["spec"]["ingress"]
    namespaces = [
        one["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
        for one in rule["from"]
        if "namespaceSelector" in one
    ]
    assert namespaces == ["ingress-nginx", "monitoring"]
    (pods,) = [one["podSelector"]["matchLabels"] for one in rule["from"] if "podSelector" in one]
    assert {pod for pod, made in rendered.pods.items() if fits(pods, made["metadata"]["labels"])} == {
        "penstock-test-gateway-ready"
    }


def test_the_quickstart_fits_beside_a_small_clusters_own_pods_during_an_upgrade_too(
    render: Any, quickstart: Path
) -> None:
    rendered = render(quickstart)
    asked = {
        name: sum(int(one["resources"]["requests"]["cpu"].removesuffix("m")) for one in made["spec"]["containers"])
        for name, made in rendered.pods.items()
    }
    copies = {name: obj["spec"]["replicas"] + 1 for name, obj in rendered.of("Deployment").items()}
    # Of two CPUs, a control plane with its DNS and network takes one.
    assert sum(asked[name] * copies.get(name, 1) for name in asked) <= 1000


def test_token_is_asked_of_a_secret_of_ones_own(render: Any, quickstart: Path) -> None:
    rendered = render(quickstart, "--set", "quickstart.ray.tokenSecretName=mine")
    assert not rendered.of("Secret")
    for name in ("penstock-operator", "penstock-ray"):
        named = [
            volume["secret"]["secretName"] for volume in rendered.pods[name]["spec"]["volumes"] if "secret" in volume
        ]
        assert named == ["mine"]


def test_helm_test_asks_the_gateway_and_cleans_up(render: Any, smallest: dict[str, Any]) -> None:
    (pod,) = render(smallest).of("Pod").values()
    assert pod["metadata"]["annotations"] == {
        "helm.sh/hook": "test",
        "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded",
    }
    assert "http://penstock-gateway:8080/readyz" in pod["spec"]["containers"][0]["command"][2]


def test_dashboard_is_found_by_the_sidecar(render: Any, production: Path) -> None:
    found = render(production).of("ConfigMap")["penstock-dashboard"]
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert json.loads(found["data"]["penstock.json"])["uid"] == "penstock"
