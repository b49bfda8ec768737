"""What the status of a RayJob says, in the words of the port. Pure.

https://docs.ray.io/en/latest/cluster/kubernetes/getting-started/rayjob-quick-start.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock_operator.adapters.ray.causes import unbegun
from penstock_operator.adapters.ray.kuberay.names import QUEUE_LABEL
from penstock_operator.ports import JobState, Object, RayJob

STARTING = "KubeRay makes its Ray cluster"
ENDED = {state.value: state for state in JobState if state.terminal}
UNBEGUN = ("", "PENDING")
"""What Ray says of a job whose entrypoint has not begun."""
PASSING = ("ContainerCreating", "PodInitializing", "ContainersNotReady", "HeadPodNotFound", "PodFailed", "Unknown")
"""Reasons of a head pod that is not ready which pass by themselves."""


def ray_job_of(obj: Object, submission_id: str) -> RayJob:
    """The submission that a RayJob stands for.

    A RayJob is over when KubeRay says so, not when Ray does, and successful only if both do. One that is being
    deleted may still run.
    """
    status: Mapping[str, Any] = obj.get("status") or {}
    deployment, ray_status = status.get("jobDeploymentStatus") or "", status.get("jobStatus") or ""
    message = status.get("message") or ""
    # Before Ray knows the job its page shows nothing.
    address = status.get("dashboardURL") if ray_status else None
    url = f"http://{address}/#/jobs/{submission_id}" if address else ""

    def job(state: JobState, message: str, **more: Any) -> RayJob:
        return RayJob(submission_id, state, message, url, watched=True, **more)

    if "deletionTimestamp" in obj["metadata"]:
        ran = ray_status == "RUNNING" or ray_status in ENDED
        return job(JobState.RUNNING if ran else JobState.PENDING, "its RayJob is being deleted")
    match deployment:
        case "Complete":
            return job(ENDED.get(ray_status, JobState.FAILED), message)
        case "Failed" if ray_status == "FAILED" and status.get("reason", "AppFailed") == "AppFailed":
            return job(JobState.FAILED, message, unbegun=unbegun(message))
        case "Failed" | "ValidationFailed":
            fault = f"{status.get('reason') or deployment}: {message}"
            # Of what is not valid another attempt is not either; else Ray never came to begin it.
            never = deployment == "Failed" and ray_status in UNBEGUN
            return job(JobState.FAILED, message, fault=fault, unbegun=fault if never else "")
        case "Running" if ray_status == "RUNNING" or ray_status in ENDED:
            return job(JobState.RUNNING, message)
        case "Running":
            return job(JobState.PENDING, "Ray has yet to start the entrypoint" if ray_status else STARTING)
        case "Suspended" | "Suspending":
            return job(JobState.PENDING, _suspended(obj), interrupted=True)
        case "Retrying":
            return job(JobState.PENDING, "KubeRay makes a new Ray cluster for it", interrupted=True)
        case _ if _is_suspended(obj):
            return job(JobState.PENDING, _suspended(obj))
        case _ if conditions_of(_cluster_status(status)).get("RayClusterSuspended", {}).get("status") == "True":
            return job(JobState.PENDING, f"its RayCluster {status.get('rayClusterName')!r} is suspended, as by Kueue")
        case _:
            return job(JobState.PENDING, _starting(status))


def conditions_of(status: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The conditions of an object by their type."""
    return {condition["type"]: condition for condition in status.get("conditions") or []}


def _cluster_status(status: Mapping[str, Any]) -> Mapping[str, Any]:
    return status.get("rayClusterStatus") or {}


def _is_suspended(obj: Object) -> bool:
    return bool((obj.get("spec") or {}).get("suspend"))


def _suspended(obj: Object) -> str:
    queue = (obj["metadata"].get("labels") or {}).get(QUEUE_LABEL)
    return f"Kueue has yet to admit it through LocalQueue {queue!r}" if queue else "its RayJob is suspended"


def _starting(status: Mapping[str, Any]) -> str:
    """What keeps the Ray cluster from being there, if it does not look as if it will come by itself."""
    for kind, condition in conditions_of(_cluster_status(status)).items():
        holds, reason = condition.get("status"), condition.get("reason", "")
        failure = kind == "ReplicaFailure" and holds == "True"
        waiting = kind == "HeadPodReady" and holds == "False" and reason not in PASSING
        if failure or waiting:
            # KubeRay puts the reason on a line of its own before what the API answered.
            message = condition.get("message", "").removeprefix(f"{reason}\n")
            return f"{STARTING}: {reason}: {message}".rstrip(": ")
    return STARTING
