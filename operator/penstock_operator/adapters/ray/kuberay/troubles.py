"""What keeps a Ray cluster from coming, or has taken it away, where its RayJob does not say so. Pure.

A RayJob repeats the conditions of its RayCluster until it runs, and then only while Ray answers; of pods that no node
has room for, and of workers, they say nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from penstock_operator.adapters.ray.kuberay.status import PASSING, STARTING, conditions_of
from penstock_operator.ports import JobState, Object, RayJob

SLOW_SECONDS = 10.0
"""Pods that come by themselves have a node by then."""
MOST_SECONDS = 120.0
"""The longest time between looks at pods that do not come: there may be thousands that wait for a node."""
UNANSWERED_SECONDS = 2.0
"""Between looks at a Ray cluster that does not answer: if it was replaced, KubeRay would submit the job again."""
GONE = ("HeadPodNotFound", "PodFailed")
"""Reasons of a head pod that is not ready which are for good, as it is not made again."""


def waited_seconds(obj: Object, job: RayJob, now: datetime) -> float | None:
    """How long its Ray cluster has been to come; None where it is not to come, or something else says what keeps it."""
    status: Mapping[str, Any] = obj.get("status") or {}
    if job.message != STARTING or status.get("jobDeploymentStatus") != "Initializing" or "startTime" not in status:
        return None
    return max(0.0, (now - datetime.fromisoformat(status["startTime"])).total_seconds())


def looked_at(job: RayJob, waited: float) -> RayJob:
    """The job, to be looked at again after as long as it has waited."""
    return replace(job, look_seconds=min(max(SLOW_SECONDS, waited), MOST_SECONDS))


def with_pods(job: RayJob, cluster: str, pods: Sequence[Object]) -> RayJob:
    """The job, with what keeps the pods of its cluster."""
    if not pods:
        return replace(job, message=f"{STARTING}: it has no pods yet; the events of RayCluster {cluster!r} may say why")
    head_first = sorted(pods, key=lambda pod: pod["metadata"]["labels"].get("ray.io/node-type") != "head")
    trouble = next((text for pod in head_first for text in _troubles(pod)), "")
    return replace(job, message=f"{STARTING}: {trouble}") if trouble else job


def unanswered_cluster(obj: Object) -> str:
    """The name of the RayCluster that KubeRay does not reach any more, of a job that it holds to be running."""
    status: Mapping[str, Any] = obj.get("status") or {}
    silent = status.get("jobDeploymentStatus") == "Running" and status.get("jobStatusCheckFailureStartTime")
    return str(status.get("rayClusterName") or "") if silent and "deletionTimestamp" not in obj["metadata"] else ""


def without_answer(job: RayJob, cluster: Object | None) -> RayJob:
    """The job of which KubeRay hears nothing, by what became of its cluster."""
    job = replace(job, look_seconds=UNANSWERED_SECONDS)
    conditions = conditions_of((cluster or {}).get("status") or {})

    def holds(kind: str) -> bool:
        return conditions.get(kind, {}).get("status") == "True"

    suspended = holds("RayClusterSuspending") or holds("RayClusterSuspended")
    if cluster is None or suspended or not holds("RayClusterProvisioned"):
        return replace(job, interrupted=True, message="its Ray cluster was taken away")
    head = conditions.get("HeadPodReady", {})
    if head.get("status") == "False" and head.get("reason") in GONE:
        return replace(job, lost=f"The head pod of its Ray cluster is gone ({head['reason']})")
    if job.state is JobState.PENDING:
        return replace(job, message="KubeRay does not reach Ray on port 8265 of the head pod")
    return job


def _troubles(pod: Object) -> Iterator[str]:
    """What keeps a pod and does not look as if it will pass."""
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    scheduled = conditions_of(status).get("PodScheduled", {})
    if scheduled.get("status") == "False":
        yield f"{scheduled.get('reason', '')}: pod {name}: {scheduled.get('message', '')}"
    for container in [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]:
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting and waiting.get("reason") not in PASSING:
            yield f"{waiting.get('reason', '')}: pod {name}: {container['name']}: {waiting.get('message', '')}"
