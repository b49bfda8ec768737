"""Every status of a RayJob, and what it means for the attempt."""

from __future__ import annotations

from typing import Any

import pytest

from penstock_operator.adapters.ray.kuberay.names import QUEUE_LABEL
from penstock_operator.adapters.ray.kuberay.status import STARTING, ray_job_of
from penstock_operator.ports import JobState, RayJob

PENDING, RUNNING, STOPPED = JobState.PENDING, JobState.RUNNING, JobState.STOPPED
SUCCEEDED, FAILED = JobState.SUCCEEDED, JobState.FAILED


def look(status: dict[str, Any] | None, *, spec: dict[str, Any] | None = None, **meta: Any) -> RayJob:
    obj: dict[str, Any] = {"kind": "RayJob", "metadata": {"name": "digits-1", **meta}, "spec": spec or {}}
    return ray_job_of(obj if status is None else {**obj, "status": status}, "penstock-u-1")


def status(deployment: str, ray: str = "", **rest: Any) -> dict[str, Any]:
    return {"jobDeploymentStatus": deployment, "jobStatus": ray, **rest}


@pytest.mark.parametrize(
    ("deployment", "ray", "state"),
    [
        ("", "", PENDING),
        ("Initializing", "", PENDING),
        ("Waiting", "", PENDING),
        ("Running", "", PENDING),
        ("Running", "PENDING", PENDING),
        ("Running", "RUNNING", RUNNING),
        ("Running", "SUCCEEDED", RUNNING),
        ("Running", "FAILED", RUNNING),
        ("Complete", "SUCCEEDED", SUCCEEDED),
        ("Complete", "STOPPED", STOPPED),
        ("Complete", "FAILED", FAILED),
        ("Complete", "", FAILED),
        ("Failed", "FAILED", FAILED),
        ("Failed", "RUNNING", FAILED),
        ("Failed", "SUCCEEDED", FAILED),
        ("ValidationFailed", "", FAILED),
        ("Suspending", "RUNNING", PENDING),
        ("Suspended", "", PENDING),
        ("Retrying", "FAILED", PENDING),
        ("SomethingNew", "RUNNING", PENDING),
    ],
)
def test_a_rayjob_is_over_when_kuberay_says_so(deployment: str, ray: str, state: JobState) -> None:
    assert look(status(deployment, ray)).state is state


def test_a_rayjob_that_kuberay_has_not_seen_yet_is_pending() -> None:
    assert (look(None).state, look(None).message) == (PENDING, STARTING)
    assert look(None).watched


@pytest.mark.parametrize(
    ("deployment", "interrupted"),
    [("Initializing", False), ("Running", False), ("Suspending", True), ("Suspended", True), ("Retrying", True)],
)
def test_an_interrupted_attempt_would_begin_again(deployment: str, interrupted: bool) -> None:
    assert look(status(deployment)).interrupted is interrupted


@pytest.mark.parametrize("deployment", ["", "Suspending", "Suspended"])
def test_a_wait_for_kueue_names_the_queue(deployment: str) -> None:
    found = look(status(deployment), spec={"suspend": True}, labels={QUEUE_LABEL: "team-a"})
    assert found.message == "Kueue has yet to admit it through LocalQueue 'team-a'"


def test_a_failure_of_the_entrypoint_is_no_fault_of_the_cluster() -> None:
    found = look(status("Failed", "FAILED", reason="AppFailed", message="ValueError: bad"))
    assert (found.message, found.fault) == ("ValueError: bad", "")


@pytest.mark.parametrize(
    ("deployment", "ray", "reason"),
    [
        ("ValidationFailed", "", "ValidationFailed"),
        ("Failed", "", "DeadlineExceeded"),
        ("Failed", "RUNNING", "JobStatusCheckTimeoutExceeded"),
        ("Failed", "FAILED", "JobDeploymentStatusTransitionGracePeriodExceeded"),
    ],
)
def test_a_failure_around_the_entrypoint_carries_kuberays_words(deployment: str, ray: str, reason: str) -> None:
    found = look(status(deployment, ray, reason=reason, message="what KubeRay says"))
    assert (found.state, found.fault) == (FAILED, f"{reason}: what KubeRay says")


@pytest.mark.parametrize(
    ("found", "unbegun"),
    [
        (look(status("Failed", "", reason="SubmissionFailed", message="no answer")), "SubmissionFailed: no answer"),
        (look(status("Failed", "PENDING", reason="DeadlineExceeded", message="slow")), "DeadlineExceeded: slow"),
        (look(status("Failed", "RUNNING", reason="DeadlineExceeded", message="slow")), ""),
        (look(status("ValidationFailed", "", reason="ValidationFailed", message="name")), ""),
        (look(status("Failed", "FAILED", reason="AppFailed", message="ValueError: bad")), ""),
        (
            look(
                status("Failed", "FAILED", reason="AppFailed", message="Job supervisor actor could not be scheduled: x")
            ),
            "Job supervisor actor could not be scheduled: x",
        ),
    ],
)
def test_a_job_that_never_began_is_told_from_one_that_failed(found: RayJob, unbegun: str) -> None:
    assert (found.state, found.unbegun) == (FAILED, unbegun)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (("HeadPodReady", "False", "ContainersNotReady", "not ready"), STARTING),
        (("HeadPodReady", "False", "PodFailed", ""), STARTING),
        (("HeadPodReady", "True", "HeadPodRunningAndReady", ""), STARTING),
        (
            ("HeadPodReady", "False", "ImagePullBackOff", "ray-head: no such image"),
            f"{STARTING}: ImagePullBackOff: ray-head: no such image",
        ),
        (
            ("ReplicaFailure", "True", "FailedCreateHeadPod", "exceeded quota"),
            f"{STARTING}: FailedCreateHeadPod: exceeded quota",
        ),
        (
            ("ReplicaFailure", "True", "FailedCreateHeadPod", 'FailedCreateHeadPod\npods "h" is forbidden'),
            f'{STARTING}: FailedCreateHeadPod: pods "h" is forbidden',
        ),
        (("ReplicaFailure", "False", "", ""), STARTING),
        (
            ("RayClusterSuspended", "True", "RayClusterSuspended", ""),
            "its RayCluster 'kept' is suspended, as by Kueue",
        ),
    ],
)
def test_what_keeps_a_cluster_from_coming_is_told(condition: tuple[str, str, str, str], expected: str) -> None:
    kind, holds, reason, message = condition
    conditions = [{"type": kind, "status": holds, "reason": reason, "message": message}]
    seen = status("Initializing", rayClusterName="kept", rayClusterStatus={"conditions": conditions})
    assert look(seen).message == expected


def test_a_job_that_ray_knows_waits_for_ray() -> None:
    assert look(status("Running", "PENDING")).message == "Ray has yet to start the entrypoint"


@pytest.mark.parametrize(
    ("before", "state"), [("RUNNING", RUNNING), ("SUCCEEDED", RUNNING), ("", PENDING), ("PENDING", PENDING)]
)
def test_a_rayjob_that_is_being_deleted_may_still_run(before: str, state: JobState) -> None:
    found = look(status("Complete", before), deletionTimestamp="2026-01-01T00:00:00Z")
    assert (found.state, found.state.terminal) == (state, False)


def test_the_dashboard_is_the_job_s_page() -> None:
    address = "digits-head-svc.team.svc.cluster.local:8265"
    url = look(status("Running", "RUNNING", dashboardURL=address)).dashboard_url
    assert url == f"http://{address}/#/jobs/penstock-u-1"
    assert look(status("Running", "", dashboardURL=address)).dashboard_url == ""
