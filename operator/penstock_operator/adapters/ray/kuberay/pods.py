"""The pods of a Ray cluster: where an entrypoint runs, and its workers."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

from penstock.api.quantities import as_cpus, cores, whole_bytes
from penstock.api.ray import KubeRay
from penstock.installation import Installation
from penstock_operator.adapters.ray.kuberay.merge import merged
from penstock_operator.ports import Invalid, RaySubmission

GPU = "nvidia.com/gpu"
ARTIFACTS_FOLDER = "/var/lib/penstock"
RAY_VERSION = "2.60.0"
"""What `penstock[train]` pins, and so every image of a job has; KubeRay wants to know it where a token is asked for."""
GROUP_ID = 10001
"""The group of the volumes: that of the platform image, which any other image's user joins."""


def cluster_spec(
    submission: RaySubmission, kube_ray: KubeRay, installation: Installation, labels: Mapping[str, str]
) -> dict[str, Any]:
    """The spec of a RayCluster that has room for a submission, and for nothing else.

    Raises:
        Invalid: no image is named.
    """
    image = kube_ray.image or installation.platform_image
    if image is None:
        raise Invalid("spec.ray.kubeRay.image is not set, and the installation has no platformImage: set one of them")

    def template(container: str, resources: Mapping[str, str], over: Mapping[str, Any] | None) -> dict[str, Any]:
        built = {
            "metadata": {"labels": dict(labels)},
            "spec": _pod(container, image, resources, submission, kube_ray, installation),
        }
        mounts = {"name": container, "volumeMounts": kube_ray.volume_mounts}
        asked = {"spec": {"volumes": kube_ray.volumes, "containers": [mounts]}}
        return merged(merged(built, asked), over or {})

    workers = submission.workers
    head = template("ray-head", _head_resources(submission, kube_ray), kube_ray.head.pod_template)
    # A head that is started again knows nothing of the job, and KubeRay would submit it a second time.
    head["spec"]["restartPolicy"] = "Never"
    groups: list[dict[str, Any]] = []
    if workers is not None:
        asked = _resources(workers.cores, workers.gpus, workers.memory_bytes)
        groups.append(
            {
                "groupName": "workers",
                "replicas": workers.count,
                "minReplicas": workers.count,
                "maxReplicas": workers.count,
                "rayStartParams": {"num-cpus": str(ceil(workers.cores))},
                "template": template("ray-worker", asked, kube_ray.workers.pod_template),
            }
        )
    # Beside worker pods the head takes no work: a worker that Ray placed there would not have what it asks for.
    cpus = 0 if groups else ceil(max(cores(kube_ray.head.cpus), submission.cpus))
    return {
        "rayVersion": RAY_VERSION,
        # Ray does what it is told by whoever reaches it. KubeRay makes a token and hands it to the cluster's pods.
        "authOptions": {"mode": "token"},
        "headGroupSpec": {"rayStartParams": {"num-cpus": str(cpus)}, "template": head},
        "workerGroupSpecs": groups,
    }


def _head_resources(submission: RaySubmission, kube_ray: KubeRay) -> dict[str, str]:
    """What Ray itself needs, and what the entrypoint asks for: CPUs they can share, memory they cannot."""
    cpus = max(cores(kube_ray.head.cpus), submission.cpus)
    memory = whole_bytes(kube_ray.head.memory) + (submission.memory_bytes or 0)
    return _resources(cpus, int(submission.gpus), memory)


def _resources(cpus: float, gpus: int, memory: int | None) -> dict[str, str]:
    asked = {"cpu": as_cpus(cpus), "memory": str(memory or 0), GPU: str(gpus)}
    return {name: amount for name, amount in asked.items() if amount != "0"}


def _pod(
    container: str,
    image: str,
    resources: Mapping[str, str],
    submission: RaySubmission,
    kube_ray: KubeRay,
    installation: Installation,
) -> dict[str, Any]:
    volumes: list[dict[str, Any]] = [{"name": "tmp", "emptyDir": {}}]
    mounts: list[dict[str, Any]] = [{"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108 - a volume of the pod's own
    if installation.artifacts_claim is not None:
        claim = {"claimName": installation.artifacts_claim}
        volumes.append({"name": "penstock-artifacts", "persistentVolumeClaim": claim})
        mounts.append({"name": "penstock-artifacts", "mountPath": ARTIFACTS_FOLDER})
    pod: dict[str, Any] = {
        "containers": [
            {
                "name": container,
                "image": image,
                "imagePullPolicy": str(kube_ray.image_pull_policy),
                "resources": {"requests": dict(resources), "limits": dict(resources)},
                "env": _secrets(submission),
                "envFrom": _artifacts_secret(installation),
                "volumeMounts": mounts,
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                    # An image of somebody else's may write where it likes.
                    "readOnlyRootFilesystem": kube_ray.image is None,
                },
            }
        ],
        "volumes": volumes,
        "nodeSelector": kube_ray.node_selector,
        "tolerations": kube_ray.tolerations,
        "automountServiceAccountToken": kube_ray.service_account_name is not None,
        "securityContext": {
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
            "fsGroup": GROUP_ID,
            "fsGroupChangePolicy": "OnRootMismatch",
        },
    }
    if kube_ray.service_account_name is not None:
        pod["serviceAccountName"] = kube_ray.service_account_name
    return pod


def _secrets(submission: RaySubmission) -> list[dict[str, Any]]:
    """Ray's processes inherit the variables of their pod, and so does the entrypoint."""
    return [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": ref.name, "key": ref.key}}}
        for name, ref in sorted(submission.secrets.items())
    ]


def _artifacts_secret(installation: Installation) -> list[dict[str, Any]]:
    name = installation.artifacts_secret
    return [{"secretRef": {"name": name}}] if name is not None else []
