"""Where a Ray job runs: a Ray that is already there, or a RayJob of KubeRay for each attempt."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from penstock.api.meta import Line, Model, Name, Rule, SecretKeyRef, union
from penstock.api.quantities import Cpus, Memory

Open = Annotated[dict[str, Any], Field(json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})]
"""A part of a pod, as Kubernetes has it: Penstock hands it on and does not model it."""

Address = Annotated[str, StringConstraints(min_length=1, max_length=1024, pattern=r"^https?://[^/ ]+(/.*)?$")]
Label = Annotated[str, StringConstraints(max_length=63)]


class PullPolicy(StrEnum):
    """When a node pulls an image."""

    ALWAYS = "Always"
    IF_NOT_PRESENT = "IfNotPresent"
    NEVER = "Never"


class RayCluster(Model):
    """A Ray that is already there, by the Jobs API of its dashboard."""

    address: Address = Field(description="Of the dashboard, such as http://ray-head:8265.")
    token_secret_key_ref: SecretKeyRef | None = Field(None, description="Ray's authentication token.")


class HeadPod(Model):
    """The head of the Ray cluster of a RayJob. The entrypoint runs on it."""

    cpus: Cpus = "1"
    memory: Memory = "2Gi"
    pod_template: Open | None = Field(
        None, description="A pod template, merged over what Penstock builds; the container is called ray-head."
    )


class WorkerPods(Model):
    """The workers of the Ray cluster of a RayJob; how many and how large they are, spec.workers says."""

    pod_template: Open | None = Field(
        None, description="A pod template, merged over what Penstock builds; the container is called ray-worker."
    )


class ClusterReuse(StrEnum):
    """Which attempts run on a Ray cluster that an earlier one had."""

    NEVER = "Never"
    ON_RETRY = "OnRetry"


class KubeRay(Model):
    """A RayJob of KubeRay for each attempt, with a Ray cluster of its own."""

    image: Line | None = Field(None, description="Of head and workers. Unset: the installation's platform image.")
    image_pull_policy: PullPolicy = PullPolicy.IF_NOT_PRESENT
    service_account_name: Name | None = Field(None, description="Of the pods. Unset: the namespace's default.")
    queue_name: Name | None = Field(None, description="The LocalQueue of Kueue that admits the RayJob.")
    node_selector: dict[str, Label] = Field(default_factory=dict, max_length=32)
    tolerations: list[Open] = Field(default_factory=list, max_length=32)
    volumes: list[Open] = Field(default_factory=list, max_length=32)
    volume_mounts: list[Open] = Field(default_factory=list, max_length=32)
    head: HeadPod = HeadPod()
    workers: WorkerPods = WorkerPods()
    cluster_reuse: ClusterReuse = Field(
        ClusterReuse.NEVER, description="OnRetry: a retry runs on the Ray cluster of the attempt before it."
    )
    ttl_seconds_after_finished: int = Field(
        300, ge=0, le=604_800, description="How long the Ray cluster of an ended attempt stays, for its logs."
    )


class RayType(StrEnum):
    """What kind of Ray jobs run on."""

    RAY_CLUSTER = "RayCluster"
    KUBE_RAY = "KubeRay"


class RayBackend(Model):
    """Where Ray jobs run: the member that `type` names."""

    ATOMIC = True
    RULES = union({"RayCluster": "rayCluster", "KubeRay": "kubeRay"})

    type: RayType
    ray_cluster: RayCluster | None = None
    kube_ray: KubeRay | None = None


STAYS = Rule(
    "has(self.ray) == has(oldSelf.ray) && (!has(self.ray) || (self.ray.type == oldSelf.ray.type && "
    "(!has(self.ray.rayCluster) || self.ray.rayCluster.address == oldSelf.ray.rayCluster.address)))",
    "ray cannot move to another Ray, which would know nothing of what runs: create another object",
)
"""A rule for the specs that name a Ray."""
