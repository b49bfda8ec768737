"""The quickstart in the chart: an installation of its own, on one volume, that lets nobody else in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from matching import fits


def test_quickstart_is_an_installation_of_its_own(render: Any, quickstart: Path) -> None:
    home = render(quickstart, namespace="ml").installation
    assert home.artifacts == "file:///var/lib/penstock/artifacts"
    assert home.artifacts_claim == "penstock-artifacts"
    assert home.ray.ray_cluster is not None
    assert home.ray.ray_cluster.address == "http://penstock-ray.ml:8265"
    assert home.milvus_uri == "http://penstock-milvus.ml:19530"
    assert home.feast_online_store == {"type": "redis", "connection_string": "penstock-redis.ml:6379"}
    assert not home.shared_files


def test_token_of_ray_is_where_the_installation_says(render: Any, quickstart: Path) -> None:
    rendered = render(quickstart)
    path = rendered.installation.ray_token_path
    operator = rendered.container("penstock-operator")
    (mount,) = [mount for mount in operator["volumeMounts"] if mount["name"] == "ray-token"]
    assert path == f"{mount['mountPath']}/token"
    ray = rendered.container("penstock-ray")
    assert {"name": "RAY_AUTH_TOKEN_PATH", "value": path} in ray["env"]


def test_stores_of_ones_own_replace_those_of_the_quickstart(render: Any, quickstart: Path) -> None:
    home = render(quickstart, "--set", "milvus.uri=http://m:1,ray.rayCluster.address=http://r:2").installation
    assert home.milvus_uri == "http://m:1"
    assert home.ray.ray_cluster is not None
    assert (home.ray.ray_cluster.address, home.ray_token_path) == ("http://r:2", None)


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
    assert rendered.installation.artifacts_claim == "mine"


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
