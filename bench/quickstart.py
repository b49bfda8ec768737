"""The quickstart in a cluster: installed by helm from images that the cluster has, and asked from a pod of its own."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kube
from kube import Object

from penstock import __version__

ASKER = Path(__file__).with_name("asker.py")
SYSTEM, WORK = "penstock", "penstock-try"
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
PARTS = ("operator", "gateway", "ray", "redis", "milvus")
GATEWAY = f"http://penstock-gateway.{SYSTEM}:8080"


def image(name: str) -> str:
    registry = os.environ.get("PENSTOCK_TEST_REGISTRY", "")
    tag = os.environ.get("PENSTOCK_TEST_IMAGE_TAG", __version__)
    return f"{registry + '/' if registry else ''}penstock/{name}:{tag}"


def namespaces() -> None:
    """One for the release and one for a user, both under the strictest Pod Security Standard."""
    for name in (SYSTEM, WORK):
        kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": RESTRICTED}})


def values(**more: str) -> list[str]:
    settings = {
        "quickstart.enabled": "true",
        "images.tag": os.environ.get("PENSTOCK_TEST_IMAGE_TAG", __version__),
        "images.registry": os.environ.get("PENSTOCK_TEST_REGISTRY", ""),
        **more,
    }
    return [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]


def install(**more: str) -> None:
    """Install, or upgrade, and wait until all of it is Ready.

    Raises:
        kube.CommandFailed: helm waited in vain; the message has the pods and their events.
    """
    words = ("upgrade", "--install", "penstock", str(kube.CHART), "-n", SYSTEM, "--wait", "--timeout", "5m")
    try:
        kube.helm(*words, *values(**more))
    except kube.CommandFailed as error:
        shown = kube.kubectl("-n", SYSTEM, "get", "pods", "-o", "wide")
        events = kube.kubectl("-n", SYSTEM, "get", "events", "--sort-by=.lastTimestamp")
        raise kube.CommandFailed(f"{error}\n{shown}\n{events[-3000:]}") from error


def uninstall() -> None:
    kube.helm("uninstall", "penstock", "-n", SYSTEM, "--wait", "--ignore-not-found")


def pods(part: str) -> list[Object]:
    """The pods of one part of the release that are not on their way out."""
    found = kube.items("pods", SYSTEM, f"app.kubernetes.io/component={part}")
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


def leader() -> str:
    """The name of the operator's pod that leads, or nothing."""
    lease = kube.get("lease", "penstock-operator", SYSTEM)
    return str(lease["spec"].get("holderIdentity") or "")


def live_run() -> str:
    """The run that the user's materialization serves, or nothing."""
    status = kube.get("materialization", "digits", WORK).get("status", {})
    return str((status.get("active") or {}).get("run") or "")


@dataclass
class Asker:
    """A user's pod that asks the gateway through its Service, with its ServiceAccount's token."""

    name: str
    images: dict[int, list[list[float]]]
    """Held-out images by their id."""

    def start(self) -> None:
        folder = {"asker.py": ASKER.read_text(), "images.json": json.dumps(self.images)}
        named: dict[str, Any] = {"metadata": {"name": self.name, "namespace": WORK}}
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "penstock-viewer"}
        subject = {"kind": "ServiceAccount", "name": self.name, "namespace": WORK}
        kube.apply(
            {"apiVersion": "v1", "kind": "ServiceAccount", **named},
            {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", **named}
            | {"roleRef": role, "subjects": [subject]},
            {"apiVersion": "v1", "kind": "ConfigMap", **named, "data": folder},
            {"apiVersion": "v1", "kind": "Pod", **named, "spec": self._pod()},
        )
        kube.wait("the asker's pod", 60, lambda: kube.ready(kube.get("pod", self.name, WORK)))

    def lines(self) -> list[dict[str, Any]]:
        """Every answer so far: seconds since the epoch, image, run and a digest of the content; or an error."""
        text = kube.kubectl("-n", WORK, "logs", self.name)
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def truth(self, *runs: str) -> dict[tuple[str, int], str]:
        """What each run by itself says of each image."""
        text = kube.kubectl("-n", WORK, "exec", self.name, "--", "python", "/asker/asker.py", GATEWAY, WORK, *runs)
        found = [json.loads(line) for line in text.splitlines()]
        return {(one["run"], one["image"]): one["content"] for one in found}

    def stop(self) -> None:
        for kind in ("pod", "configmap", "rolebinding", "serviceaccount"):
            kube.kubectl("-n", WORK, "delete", kind, self.name, "--ignore-not-found", "--grace-period=1")

    def _pod(self) -> Object:
        container = {
            "name": "asker",
            "image": image("gateway"),
            "imagePullPolicy": "IfNotPresent",
            "command": ["python", "/asker/asker.py", GATEWAY, WORK],
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
            "volumeMounts": [{"name": "asker", "mountPath": "/asker"}],
        }
        return {
            "serviceAccountName": self.name,
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1,
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [container],
            "volumes": [{"name": "asker", "configMap": {"name": self.name}}],
        }
