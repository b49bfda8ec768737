"""The gateway in the chart: its flags, its Service, who may ask, TLS, and what leads to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from matching import fits

from penstock.client.installation import gateway_service
from penstock.gateway.__main__ import parser
from penstock.gateway.limits import Limits


@pytest.mark.parametrize("release", ["penstock", "foo", "r" * 53])
def test_installation_names_the_gateways_service(render: Any, smallest: dict[str, Any], release: str) -> None:
    rendered = render(smallest, release=release)
    named = rendered.installation.gateway
    assert named is not None
    service = rendered.of("Service")[named.service]
    assert [port["name"] for port in service["spec"]["ports"]] == [named.port]
    assert service["metadata"]["labels"]["app.kubernetes.io/component"] == "gateway"
    assert render(smallest, "--set", "gateway.enabled=false").installation.gateway is None


def test_the_command_without_rights_looks_for_the_service_of_a_release_penstock(
    render: Any, smallest: dict[str, Any]
) -> None:
    service = gateway_service({})
    assert service.port == render(smallest).of("Service")[service.name]["spec"]["ports"][0]["name"]


def test_gateway_understands_its_flags(render: Any, smallest: dict[str, Any]) -> None:
    limits = {"requestsPerSecond": 50, "burst": 100, "bodyBytes": 1 << 30}
    auth = {"tokenReview": {"audience": "penstock"}}
    rendered = render(
        {**smallest, "watchNamespaces": ["a", "b"], "gateway": {"limits": limits, "auth": auth, "accessLog": False}}
    )
    flags = parser().parse_args(rendered.container("penstock-gateway")["args"])
    assert (flags.namespace, flags.host, flags.port) == (["a", "b"], "0.0.0.0", 8080)
    assert (flags.auth, flags.audience) == ("token-review", "penstock")
    assert (flags.rate_limit, flags.rate_burst, flags.body_limit) == (50, 100, 1 << 30)
    assert (flags.drain_seconds, flags.grace_seconds, flags.access_log) == (5, 20, False)


def test_defaults_of_the_limits_are_those_of_the_gateway(render: Any, smallest: dict[str, Any]) -> None:
    flags = parser().parse_args(render(smallest).container("penstock-gateway")["args"])
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
    gateway = rendered.container("penstock-gateway")
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
    gateway = rendered.container("penstock-gateway")
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
    named = rendered.installation.gateway
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


def test_helm_test_asks_the_gateway_and_cleans_up(render: Any, smallest: dict[str, Any]) -> None:
    (pod,) = render(smallest).of("Pod").values()
    assert pod["metadata"]["annotations"] == {
        "helm.sh/hook": "test",
        "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded",
    }
    assert "http://penstock-gateway:8080/readyz" in pod["spec"]["containers"][0]["command"][2]
