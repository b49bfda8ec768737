"""Every pod of the chart keeps to the restricted Pod Security Standard, and to some rules of our own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

VOLUMES = {
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral"),
    *("persistentVolumeClaim", "projected", "secret"),
}


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]


def violations(pod: dict[str, Any]) -> Iterator[str]:
    """What https://kubernetes.io/docs/concepts/security/pod-security-standards/ forbids under `restricted`."""
    spec = pod["spec"]
    context = spec.get("securityContext", {})
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(field):
            yield field
    for volume in spec.get("volumes", ()):
        if not set(volume) - {"name"} <= VOLUMES:
            yield f"volume {volume}"
    for container in containers(pod):
        name, own = container["name"], container.get("securityContext", {})
        if own.get("privileged"):
            yield f"{name}: privileged"
        if own.get("allowPrivilegeEscalation") is not False:
            yield f"{name}: allowPrivilegeEscalation"
        if own.get("runAsNonRoot", context.get("runAsNonRoot")) is not True:
            yield f"{name}: runAsNonRoot"
        if own.get("runAsUser", context.get("runAsUser")) == 0:
            yield f"{name}: runAsUser"
        if own.get("seccompProfile", context.get("seccompProfile")) != {"type": "RuntimeDefault"}:
            yield f"{name}: seccompProfile"
        if own.get("capabilities") != {"drop": ["ALL"]}:
            yield f"{name}: capabilities"
        if any(port.get("hostPort") for port in container.get("ports", ())):
            yield f"{name}: hostPort"


def test_every_pod_is_restricted(render: Any, values: Any) -> None:
    pods = render(values).pods
    assert pods
    assert {name: list(violations(pod)) for name, pod in pods.items()} == {name: [] for name in pods}


def test_every_container_is_read_only_with_a_place_for_temporary_files(render: Any, values: Any) -> None:
    for name, pod in render(values).pods.items():
        assert pod["spec"]["securityContext"]["runAsUser"] == 10001
        for container in containers(pod):
            assert container["securityContext"]["readOnlyRootFilesystem"] is True, name
            assert set(container["resources"]) == {"requests", "limits"}, name
            assert set(container["resources"]["limits"]) == {"memory"}, "a limit of CPU would only slow it down"
        for container in pod["spec"]["containers"]:
            if pod["metadata"].get("annotations", {}).get("helm.sh/hook") != "test":
                mounted = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
                volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
                assert "emptyDir" in volumes[mounted["/tmp"]]
                assert {mount["name"] for mount in container["volumeMounts"]} <= volumes.keys()


def test_every_server_is_probed(render: Any, quickstart: Path) -> None:
    rendered = render(quickstart)
    for kind in ("Deployment", "StatefulSet"):
        for obj in rendered.of(kind).values():
            for container in obj["spec"]["template"]["spec"]["containers"]:
                assert {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys()


def test_only_operator_and_gateway_may_ask_the_kubernetes_api(render: Any, quickstart: Path) -> None:
    pods = render(quickstart).pods
    mounted = {name for name, pod in pods.items() if pod["spec"]["automountServiceAccountToken"]}
    assert mounted == {"penstock-operator", "penstock-gateway"}


@pytest.mark.parametrize("set_ids", [True, False])
def test_ids_can_be_left_to_the_cluster(render: Any, quickstart: Path, set_ids: bool) -> None:
    for pod in render(quickstart, "--set", f"podSecurity.setIds={str(set_ids).lower()}").pods.values():
        assert ("runAsUser" in pod["spec"]["securityContext"]) is set_ids
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
