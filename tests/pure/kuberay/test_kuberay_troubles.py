"""A Ray cluster that does not come, or is away, of which its RayJob says nothing: as KubeRay 1.7 leaves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from penstock_operator.adapters.ray.kuberay.status import STARTING, ray_job_of
from penstock_operator.adapters.ray.kuberay.troubles import (
    GONE,
    MOST_SECONDS,
    UNANSWERED_SECONDS,
    looked_at,
    unanswered_cluster,
    waited_seconds,
    with_pods,
    without_answer,
)
from penstock_operator.ports import JobState, Object, RayJob

START = datetime(2026, 1, 1, tzinfo=UTC)
STARTED = {"jobDeploymentStatus": "Initializing", "rayClusterName": "digits-1-x", "startTime": "2026-01-01T00:00:00Z"}
SILENT = {
    "jobDeploymentStatus": "Running",
    "jobStatus": "RUNNING",
    "rayClusterName": "digits-1-x",
    "jobStatusCheckFailureStartTime": "2026-01-01T00:00:00Z",
}


def rayjob(status: dict[str, Any], **meta: Any) -> tuple[Object, RayJob]:
    obj = {"kind": "RayJob", "metadata": {"name": "digits-1", **meta}, "spec": {}, "status": status}
    return obj, ray_job_of(obj, "penstock-u-1")


def conditions(**states: str | tuple[str, str]) -> dict[str, Any]:
    """Of an object: status, or status and reason, of each type."""
    pairs = {kind: (state, "R") if isinstance(state, str) else state for kind, state in states.items()}
    return {"conditions": [{"type": kind, "status": s, "reason": r, "message": ""} for kind, (s, r) in pairs.items()]}


def pod(name: str, kind: str, **status: Any) -> Object:
    return {"metadata": {"name": name, "labels": {"ray.io/node-type": kind}}, "status": status}


def waiting(container: str, reason: str, message: str = "") -> list[dict[str, Any]]:
    return [{"name": container, "state": {"waiting": {"reason": reason, "message": message}}}]


HEAD = pod("h", "head", containerStatuses=[{"name": "ray-head", "state": {"running": {}}}])
UNSCHEDULABLE = {
    "conditions": [
        {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": "0/1 nodes are available: 1 Insufficient cpu.",
        }
    ]
}


def test_pods_that_are_late_are_looked_at_again_and_again_but_ever_more_seldom() -> None:
    obj, job = rayjob(STARTED)
    waits, now = [], START
    for _ in range(7):
        waited = waited_seconds(obj, job, now)
        assert waited is not None
        after = looked_at(job, waited).look_seconds
        assert after is not None
        waits.append(after)
        now += timedelta(seconds=after)
    assert waits == [10, 10, 20, 40, 80, MOST_SECONDS, MOST_SECONDS]


@pytest.mark.parametrize(
    "status",
    [
        {},
        {**STARTED, "jobDeploymentStatus": "Running"},
        {**STARTED, "jobDeploymentStatus": "Suspended"},
        {**STARTED, "rayClusterStatus": conditions(HeadPodReady=("False", "ImagePullBackOff"))},
        {**STARTED, "rayClusterStatus": conditions(RayClusterSuspended="True")},
    ],
)
def test_pods_are_not_looked_at_where_the_rayjob_speaks(status: dict[str, Any]) -> None:
    obj, job = rayjob(status)
    assert waited_seconds(obj, job, START) is None
    assert job.look_seconds is None


@pytest.mark.parametrize(
    ("pods", "expected"),
    [
        ([HEAD], ""),
        ([pod("h", "head", phase="Pending")], ""),
        ([pod("h", "head", containerStatuses=waiting("ray-head", "ContainerCreating"))], ""),
        ([pod("w", "worker", initContainerStatuses=waiting("wait-gcs-ready", "PodInitializing"))], ""),
        (
            [pod("h", "head", **UNSCHEDULABLE)],
            ": Unschedulable: pod h: 0/1 nodes are available: 1 Insufficient cpu.",
        ),
        (
            [pod("a", "worker", **UNSCHEDULABLE), pod("h", "head", containerStatuses=waiting("ray-head", "E", "m"))],
            ": E: pod h: ray-head: m",
        ),
        (
            [HEAD, pod("w", "worker", initContainerStatuses=waiting("wait-gcs-ready", "ErrImagePull", "none such"))],
            ": ErrImagePull: pod w: wait-gcs-ready: none such",
        ),
        ([], ": it has no pods yet; the events of RayCluster 'c' may say why"),
    ],
)
def test_what_keeps_pods_is_told(pods: list[Object], expected: str) -> None:
    _, job = rayjob(STARTED)
    assert with_pods(job, "c", pods).message == STARTING + expected


def test_a_ray_that_answers_is_not_looked_for() -> None:
    assert unanswered_cluster(rayjob(SILENT)[0]) == "digits-1-x"
    answers = {**SILENT, "jobStatusCheckFailureStartTime": None}
    failed = {**SILENT, "jobDeploymentStatus": "Failed"}
    assert [unanswered_cluster(rayjob(status)[0]) for status in (answers, failed)] == ["", ""]
    assert unanswered_cluster(rayjob(SILENT, deletionTimestamp="2026-01-01T00:00:00Z")[0]) == ""


@pytest.mark.parametrize(
    "cluster",
    [
        None,
        {},
        {"status": conditions(HeadPodReady=("False", "HeadPodNotFound"), RayClusterProvisioned="False")},
        {"status": conditions(RayClusterProvisioned="True", RayClusterSuspending="True")},
        {"status": conditions(RayClusterProvisioned="False", RayClusterSuspended="True")},
    ],
    ids=["deleted", "made anew", "provisioned anew", "suspending", "suspended"],
)
def test_a_cluster_that_was_taken_away_interrupts_the_attempt(cluster: Object | None) -> None:
    found = without_answer(rayjob(SILENT)[1], cluster)
    assert (found.interrupted, found.lost) == (True, "")


@pytest.mark.parametrize("reason", GONE)
def test_a_head_that_is_gone_does_not_come_again(reason: str) -> None:
    status = conditions(RayClusterProvisioned="True", HeadPodReady=("False", reason))
    found = without_answer(rayjob(SILENT)[1], {"status": status})
    assert (found.interrupted, found.lost) == (False, f"The head pod of its Ray cluster is gone ({reason})")


@pytest.mark.parametrize("head", ["True", ("False", "ContainersNotReady")])
def test_a_head_that_is_slow_to_answer_is_waited_for(head: str | tuple[str, str]) -> None:
    cluster = {"status": conditions(RayClusterProvisioned="True", HeadPodReady=head)}
    found = without_answer(rayjob(SILENT)[1], cluster)
    assert (found.state, found.interrupted, found.lost) == (JobState.RUNNING, False, "")
    assert found.look_seconds == UNANSWERED_SECONDS
    waits = without_answer(rayjob({**SILENT, "jobStatus": ""})[1], cluster)
    assert waits.message == "KubeRay does not reach Ray on port 8265 of the head pod"
