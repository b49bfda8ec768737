"""The Ray of one object whose jobs are RayJobs of KubeRay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import httpx2

from penstock.api.meta import SecretKeyRef
from penstock.api.ray import ClusterReuse, KubeRay
from penstock.installation import Installation
from penstock.naming import RAY_TOKEN_KEY, UID_LABEL, ray_token_secret
from penstock.secrets import MissingSecret, read_secrets
from penstock_operator.adapters.ray.jobs import RayJobs
from penstock_operator.adapters.ray.kuberay.build import Owner, pods_digest, ray_cluster, ray_job
from penstock_operator.adapters.ray.kuberay.names import PODS_LABEL, ray_job_name
from penstock_operator.adapters.ray.kuberay.status import conditions_of, ray_job_of
from penstock_operator.adapters.ray.kuberay.troubles import (
    SLOW_SECONDS,
    looked_at,
    unanswered_cluster,
    waited_seconds,
    with_pods,
    without_answer,
)
from penstock_operator.ports import Conflict, Invalid, Missing, Object, RayJob, RaySubmission, Refused, Unreachable

SESSION = "kuberay"
"""A RayJob outlives every Ray cluster, so all of them are of one session."""


class Children(Protocol):
    """The objects that Penstock makes. Every call raises Unreachable, or Refused when the API says no."""

    async def get(self, kind: str, namespace: str, name: str) -> Object | None:
        """The object as it was last seen, or None."""

    async def select(self, kind: str, namespace: str, selector: str) -> Sequence[Object]:
        """The objects with these labels, as they are now."""

    async def create(self, obj: Object) -> Object:
        """Create it.

        Raises:
            Conflict: there is one of this name.
        """

    async def delete(self, obj: Object, *, wait: bool = False) -> None:
        """Delete it; with `wait` it is there until all that it owns is gone. One that is gone is fine."""


@dataclass(frozen=True)
class KubeRayJobs:
    """A RayJob for each submission of one owner."""

    children: Children
    owner: Owner
    kube_ray: KubeRay
    installation: Installation
    http: httpx2.AsyncClient

    async def session(self) -> str:
        """Always the same."""
        return SESSION

    async def job(self, submission_id: str) -> RayJob | None:
        """The submission, or None where there is no RayJob of it."""
        obj = await self._get(submission_id)
        if obj is None:
            return None
        job = ray_job_of(obj, submission_id)
        if name := unanswered_cluster(obj):
            clusters = await self._clusters()
            return without_answer(job, next((one for one in clusters if one["metadata"]["name"] == name), None))
        waited = waited_seconds(obj, job, datetime.now(UTC))
        if waited is None:
            return job
        job = looked_at(job, waited)
        return job if waited < SLOW_SECONDS else await self._with_pods(job, obj["status"]["rayClusterName"])

    async def submit(self, submission: RaySubmission) -> None:
        """Create the RayJob; one that is there is left as it is."""
        try:
            cluster = await self._kept_cluster(submission) if self.reuses else None
            await self._create(ray_job(self.owner, submission, self.kube_ray, self.installation, cluster))
        except Missing as error:
            raise Refused(f"{error}. Install KubeRay, or set spec.ray.rayCluster") from error
        except Invalid as error:
            raise Invalid(f"{error}. Correct spec.ray.kubeRay, or what the installation has in its place") from error
        except Refused as error:
            raise Refused(
                f"{error}. Correct spec.ray.kubeRay, or the rights or quota that the message names"
            ) from error

    async def stop(self, submission_id: str) -> None:
        """Delete the RayJob: KubeRay stops the job, and it is gone when its pods are."""
        obj = await self._get(submission_id)
        if obj is not None and "deletionTimestamp" not in obj["metadata"]:
            await self.children.delete(obj, wait=True)

    async def delete(self, submission_id: str) -> None:
        """Delete the RayJob and, soon after, what it owns."""
        obj = await self._get(submission_id)
        if obj is not None and "deletionTimestamp" not in obj["metadata"]:
            await self.children.delete(obj)

    async def logs(self, submission_id: str, lines: int = 20) -> str:
        """The last lines, from Ray while its cluster is there, and else what KubeRay keeps of them."""
        obj = await self._get(submission_id)
        status: dict[str, Any] = (obj or {}).get("status") or {}
        text = ""
        if url := status.get("dashboardURL"):
            try:
                token = await self._token(status)
                text = await RayJobs(f"http://{url}", token, self.http).logs(submission_id, lines)
            except Unreachable:
                text = ""
        text = text or status.get("message") or ""
        return "\n".join(text.splitlines()[-lines:]) if lines else text

    async def kept_seconds(self) -> int | None:
        """How long an idle Ray cluster stays for the next attempt; None where there is none."""
        return self.kube_ray.ttl_seconds_after_finished if self.reuses and await self._kept_clusters() else None

    async def release(self) -> None:
        """Delete the Ray clusters that were kept for a next attempt."""
        for cluster in await self._kept_clusters():
            await self.children.delete(cluster)

    @property
    def reuses(self) -> bool:
        """Whether a retry runs on the Ray cluster of the attempt before it; a staging has no retries of that kind."""
        return self.kube_ray.cluster_reuse is not ClusterReuse.NEVER and self.owner.kind == "TrainingJob"

    async def _get(self, submission_id: str) -> Object | None:
        meta = self.owner.metadata
        return await self.children.get("RayJob", meta.namespace, ray_job_name(meta.name, submission_id))

    async def _token(self, status: Mapping[str, Any]) -> str | None:
        """What the Ray cluster of a RayJob asks for; None where it is gone, or has none."""
        if not (cluster := status.get("rayClusterName")):
            return None
        ref = SecretKeyRef(name=ray_token_secret(cluster), key=RAY_TOKEN_KEY)
        try:
            return (await read_secrets(self.children, self.owner.metadata.namespace, [ref]))(ref)
        except (MissingSecret, Refused):
            return None

    async def _create(self, obj: Object) -> None:
        try:
            await self.children.create(obj)
        except Conflict:
            # It was made before, and the answer was lost.
            return

    async def _with_pods(self, job: RayJob, cluster: str) -> RayJob:
        namespace = self.owner.metadata.namespace
        try:
            return with_pods(job, cluster, await self.children.select("Pod", namespace, f"ray.io/cluster={cluster}"))
        except Refused:
            # It is told for people to see; a role of somebody else's may lack the right.
            return job

    async def _clusters(self) -> list[Object]:
        """The owner's RayClusters that are not on their way out."""
        meta = self.owner.metadata
        found = await self.children.select("RayCluster", meta.namespace, f"{UID_LABEL}={meta.uid}")
        return [cluster for cluster in found if "deletionTimestamp" not in cluster["metadata"]]

    async def _kept_clusters(self) -> list[Object]:
        """Those of them that are kept for a next attempt."""
        return [cluster for cluster in await self._clusters() if PODS_LABEL in cluster["metadata"]["labels"]]

    async def _kept_cluster(self, submission: RaySubmission) -> str:
        """The RayCluster to run on: that of an attempt before if it fits and is whole, or else a new one."""
        wanted = pods_digest(self.owner, submission, self.kube_ray, self.installation)
        chosen = None
        for cluster in await self._kept_clusters():
            if chosen is None and cluster["metadata"]["labels"][PODS_LABEL] == wanted and _is_whole(cluster):
                chosen = cluster["metadata"]["name"]
            else:
                await self.children.delete(cluster)
        if chosen is not None:
            return str(chosen)
        made = ray_cluster(self.owner, submission, self.kube_ray, self.installation)
        await self._create(made)
        return str(made["metadata"]["name"])


def _is_whole(cluster: Object) -> bool:
    """Whether its head is there, or has yet to come for the first time: one that was lost does not come again."""
    conditions = conditions_of(cluster.get("status") or {})
    provisioned, head = (conditions.get(kind, {}).get("status") for kind in ("RayClusterProvisioned", "HeadPodReady"))
    return provisioned != "True" or head == "True"
