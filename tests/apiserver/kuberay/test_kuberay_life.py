"""A TrainingJob on KubeRay from created to done, on every path that KubeRay knows."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from kuberay_clusters import READY
from kuberay_standin import Fate

from penstock_operator.adapters.ray.kuberay import jobs, troubles

QUEUED = {"ray": {"type": "KubeRay", "kubeRay": {"queueName": "team-a"}}}
Site = Any


def state(site: Site, number: int = 1) -> str:
    attempts = (site.job() or {}).get("status", {}).get("attempts") or []
    return str(attempts[number - 1]["state"]) if len(attempts) >= number else ""


def reasons(site: Site) -> list[str]:
    return [attempt.get("reason", "") for attempt in site.job()["status"]["attempts"]]


def later(number: int, first: Fate, then: Fate | None = None) -> Callable[[Any], Fate]:
    """One fate for the attempts up to a number, another for those after it."""

    def fate(obj: Any) -> Fate:
        return first if int(obj["spec"]["jobId"].rsplit("-", 1)[1]) <= number else then or Fate()

    return fate


def but_events(site: Site) -> list[tuple[str, str]]:
    return [call for call in site.writes if not call[1].endswith("/events")]


async def test_a_job_succeeds_with_few_writes(site: Site) -> None:
    site.kuberay.fate = lambda _: Fate(starting_seconds=0.5, pending_seconds=0.5, running_seconds=0.5)
    async with site.operator():
        site.apply()
        await site.until(lambda: state(site) == "Submitted")
        assert len(but_events(site)) == 4
        await site.until_reason("Completed")
        (attempt,) = site.job()["status"]["attempts"]
        assert site.job()["status"]["dashboardUrl"].endswith(f"/#/jobs/{attempt['submissionId']}")
    # Submitted, known to Ray, running, its run, done.
    assert len(but_events(site)) == 8
    assert site.kuberay.started == [attempt["submissionId"]]
    assert not [path for path in site.reads if "/rayjobs/" in path], "a pass reads RayJobs from memory"


async def test_a_restart_finds_all_as_it_was_and_writes_nothing(site: Site) -> None:
    async with site.operator():
        site.apply()
        await site.until_reason("Completed")
    site.writes.clear()
    async with site.operator():
        await site.until(lambda: any("/rayjobs" in path for path in site.reads))
        site.apply("other")
        await site.until(lambda: site.condition("other")[1] == "Completed")
    assert not [path for _, path in site.writes if "digits" in path]
    assert len(site.kuberay.started) == 2


async def test_a_secret_is_used_and_nowhere_told(site: Site) -> None:
    secret = {"metadata": {"name": "hub"}, "stringData": {"token": "s3cr3t-value"}}
    site.client.post(f"/api/v1/namespaces/{site.namespace}/secrets", json=secret)
    async with site.operator():
        site.apply(env=[{"name": "TOKEN", "secretKeyRef": {"name": "hub", "key": "token"}}])
        await site.until_reason("Completed")
    (rayjob,) = site.rayjobs()
    assert "s3cr3t-value" not in json.dumps([rayjob, site.job()])
    assert '"secretKeyRef": {"key": "token", "name": "hub"}' in json.dumps(rayjob, sort_keys=True)


@pytest.mark.parametrize(
    ("fate", "reason", "message"),
    [
        (Fate(ray="FAILED", message="ValueError: bad"), "EntrypointFailed", "ValueError: bad"),
        (Fate(ray="STOPPED"), "AttemptStopped", "stopped on Ray's side"),
        (
            Fate(ray=None, deployment="Failed", reason="DeadlineExceeded", message="too slow"),
            "RayUnavailable",
            "DeadlineExceeded: too slow",
        ),
    ],
)
async def test_an_attempt_that_fails_is_followed_by_another(site: Site, fate: Fate, reason: str, message: str) -> None:
    site.kuberay.fate = later(1, fate)
    site.kuberay.on_run = writes_from(site, 2)
    async with site.operator():
        site.apply(retry={"limit": 1, "backoffSeconds": 0})
        await site.until_reason("Completed")
    assert reasons(site) == [reason, "Completed"]
    assert message in site.job()["status"]["attempts"][0]["message"]
    assert len(site.rayjobs()) == len(site.kuberay.created) == 2


def writes_from(site: Site, number: int) -> Any:
    """An entrypoint that ends well from this attempt on."""

    async def write(obj: Any) -> None:
        if int(obj["spec"]["jobId"].rsplit("-", 1)[1]) >= number:
            await site.write_manifest(obj)

    return write


async def test_a_rayjob_that_kuberay_refuses_fails_with_its_words(site: Site) -> None:
    site.kuberay.fate = lambda _: Fate(invalid="spec is wrong")
    async with site.operator():
        site.apply(retry={"limit": 0})
        message = await site.until_reason("AttemptsExhausted")
    assert "ValidationFailed: spec is wrong" in message
    assert reasons(site) == ["RayFailed"]


async def test_a_misspelt_field_of_a_pod_ends_the_job_until_it_is_mended(site: Site) -> None:
    template = {"spec": {"tolerationz": [{"key": "gpu"}]}}
    misspelt = {"ray": {"type": "KubeRay", "kubeRay": {"head": {"podTemplate": template}}}}
    async with site.operator():
        site.apply(**misspelt)
        message = await site.until_reason("InvalidSpec")
        assert 'unknown field "spec.rayClusterSpec.headGroupSpec.template.spec.tolerationz"' in message
        assert (site.rayjobs(), reasons(site)) == ([], ["InvalidSpec"])
        site.change(ray={"kubeRay": {"head": {"podTemplate": None}}})
        await site.until_reason("Completed")
    assert len(site.kuberay.started) == 1


async def test_a_cluster_that_does_not_come_says_why(site: Site) -> None:
    waiting = {"type": "HeadPodReady", "status": "False", "reason": "ImagePullBackOff", "message": "no such image"}
    site.kuberay.fate = lambda _: Fate(conditions=(waiting,))
    async with site.operator():
        site.apply()
        await site.until(lambda: "ImagePullBackOff: no such image" in site.condition()[2])
        assert (state(site), site.condition()[1]) == ("Submitted", "Pending")


async def test_kueue_lets_it_wait_and_then_go(site: Site) -> None:
    async with site.operator():
        site.apply(**QUEUED)
        await site.until(lambda: "LocalQueue 'team-a'" in site.condition()[2])
        await site.until(lambda: site.rayjobs()[0].get("status", {}).get("jobDeploymentStatus") == "Suspended")
        assert state(site) == "Submitted"
        site.patch_rayjob({"spec": {"suspend": False}})
        await site.until_reason("Completed")
    assert len(site.kuberay.started) == 1


@pytest.mark.parametrize("retrying", [False, True])
async def test_a_running_attempt_that_would_begin_again_is_replaced(site: Site, retrying: bool) -> None:
    site.kuberay.fate = later(1, Fate(retries=True, running_seconds=1) if retrying else Fate(ray=None))
    site.kuberay.on_run = writes_from(site, 2)
    async with site.operator():
        site.apply(retry={"limit": 0})
        await site.until(lambda: state(site) == "Running")
        if not retrying:
            site.patch_rayjob({"spec": {"suspend": True}})
        await site.until_reason("Completed")
    assert reasons(site) == ["Preempted", "Completed"]
    first, second = (attempt["submissionId"] for attempt in site.job()["status"]["attempts"])
    assert site.kuberay.started == [first, second]


GONE = {**READY, "HeadPodReady": ("False", "HeadPodNotFound")}
SUSPENDED = {**GONE, "RayClusterProvisioned": ("False", "RayClusterPodsProvisioning")}


@pytest.mark.parametrize(("lost", "reason"), [(GONE, "RayFailed"), (SUSPENDED, "Preempted")])
async def test_an_attempt_whose_ray_cluster_is_away_is_not_waited_for(site: Site, lost: Any, reason: str) -> None:
    site.kuberay.fate = later(1, Fate(lost=lost, running_seconds=0.5))
    site.kuberay.on_run = writes_from(site, 2)
    async with site.operator():
        site.apply(retry={"limit": 1, "backoffSeconds": 0})
        await site.until_reason("Completed")
    assert reasons(site) == [reason, "Completed"]
    assert [job["spec"]["jobId"] for job in site.rayjobs()] == site.kuberay.started[1:]


async def test_a_pod_that_no_node_has_room_for_is_told(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "SLOW_SECONDS", 0)
    monkeypatch.setattr(troubles, "SLOW_SECONDS", 1)
    monkeypatch.setattr(troubles, "MOST_SECONDS", 1)
    site.kuberay.fate = lambda _: Fate(ray=None, starting_seconds=60)
    async with site.operator():
        site.apply()
        await site.until(site.rayjobs)
        cluster = await site.until(lambda: site.rayjobs()[0].get("status", {}).get("rayClusterName"))
        await site.until(lambda: f"it has no pods yet; the events of RayCluster '{cluster}'" in site.condition()[2])
        pods = f"/api/v1/namespaces/{site.namespace}/pods"
        labels = {"ray.io/cluster": cluster, "ray.io/node-type": "head"}
        pod = {"metadata": {"name": "head", "labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
        assert site.client.post(pods, json=pod).status_code == 201
        full = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "Insufficient cpu"}
        answer = site.client.patch(
            f"{pods}/head/status",
            json={"status": {"conditions": [full]}},
            headers={"Content-Type": "application/merge-patch+json"},
        )
        assert answer.is_success, answer.text
        await site.until(lambda: "Unschedulable: pod head: Insufficient cpu" in site.condition()[2])


async def test_a_rayjob_that_is_deleted_behind_our_back_is_a_lost_attempt(site: Site) -> None:
    site.kuberay.fate = later(1, Fate(ray=None, stopping_seconds=1))
    site.kuberay.on_run = writes_from(site, 2)
    async with site.operator():
        site.apply(retry={"limit": 1, "backoffSeconds": 0})
        await site.until(lambda: state(site) == "Running")
        (rayjob,) = site.rayjobs()
        site.client.delete(site.path("rayjobs", rayjob["metadata"]["name"], "ray.io/v1"))
        await site.until_reason("Completed")
    assert reasons(site) == ["AttemptLost", "Completed"]


async def test_a_stop_is_over_when_its_rayjob_is_gone(site: Site) -> None:
    site.kuberay.fate = lambda _: Fate(ray=None, stopping_seconds=1)
    site.kuberay.on_run = None
    async with site.operator():
        site.apply()
        await site.until(lambda: state(site) == "Running")
        site.change(suspend=True)
        await site.until(lambda: any("deletionTimestamp" in job["metadata"] for job in site.rayjobs()))
        assert "foregroundDeletion" in site.rayjobs()[0]["metadata"]["finalizers"]
        await site.until_reason("Suspended")
        assert site.rayjobs() == []
        assert len([call for call in site.writes if call[0] == "DELETE"]) == 1


async def test_a_deadline_stops_it(site: Site) -> None:
    site.kuberay.fate = lambda _: Fate(ray=None)
    site.kuberay.on_run = None
    async with site.operator():
        site.apply(attemptDeadlineSeconds=1, retry={"limit": 0})
        message = await site.until_reason("AttemptsExhausted")
    assert "spec.attemptDeadlineSeconds" in message
    assert reasons(site) == ["DeadlineExceeded"]


async def test_a_deleted_job_takes_its_rayjob_with_it(site: Site) -> None:
    site.kuberay.fate = lambda _: Fate(ray=None, stopping_seconds=1)
    async with site.operator():
        site.apply()
        await site.until(lambda: state(site) == "Running")
        site.client.delete(site.path("trainingjobs", "digits"))
        await site.until(lambda: site.job() is None)
        await site.until(lambda: site.rayjobs() == [])


async def test_a_right_that_is_missing_is_told_on_the_object(site: Site) -> None:
    quota = {"metadata": {"name": "none"}, "spec": {"hard": {"count/rayjobs.ray.io": "0"}}}
    answer = site.client.post(f"/api/v1/namespaces/{site.namespace}/resourcequotas", json=quota)
    site.client.patch(
        f"/api/v1/namespaces/{site.namespace}/resourcequotas/none/status",
        json={"status": {"hard": quota["spec"]["hard"], "used": {"count/rayjobs.ray.io": "0"}}},
        headers={"Content-Type": "application/merge-patch+json"},
    )
    assert answer.status_code == 201
    async with site.operator():
        site.apply()
        message = await site.until_reason("Refused", "Reconciled")
    assert "exceeded quota" in message
    assert "Correct spec.ray.kubeRay" in message


async def test_a_retry_finds_the_cluster_of_the_attempt_before(site: Site) -> None:
    site.kuberay.fate = later(1, Fate(ray="FAILED"))
    site.kuberay.on_run = writes_from(site, 2)
    async with site.operator():
        site.apply(
            retry={"limit": 1, "backoffSeconds": 0},
            ray={"type": "KubeRay", "kubeRay": {"clusterReuse": "OnRetry", "ttlSecondsAfterFinished": 2}},
        )
        await site.until_reason("Completed")
        (cluster,) = site.rayjobs("rayclusters")
        selectors = [job["spec"]["clusterSelector"]["ray.io/cluster"] for job in site.rayjobs()]
        assert selectors == [cluster["metadata"]["name"]] * 2
        assert cluster["metadata"]["ownerReferences"][0]["name"] == "digits"
        await site.until(lambda: site.rayjobs("rayclusters") == [])
        assert site.condition()[1] == "Completed"


async def test_another_spec_has_a_cluster_of_its_own(site: Site) -> None:
    reuse = {"clusterReuse": "OnRetry", "ttlSecondsAfterFinished": 600}
    async with site.operator():
        site.apply(ray={"type": "KubeRay", "kubeRay": reuse})
        await site.until_reason("Completed")
        (before,) = site.rayjobs("rayclusters")
        # An image alone is no other run: it is taken up with the next one.
        site.change(ray={"type": "KubeRay", "kubeRay": {**reuse, "image": "other:1"}}, args=["--other"])
        await site.until(lambda: state(site, 2) == "Succeeded")
        (after,) = site.rayjobs("rayclusters")
    assert after["metadata"]["name"] != before["metadata"]["name"]


async def test_a_kept_cluster_that_lost_its_head_is_replaced(site: Site) -> None:
    site.kuberay.fate = later(1, Fate(ray="FAILED"))
    site.kuberay.on_run = writes_from(site, 2)
    async with site.operator():
        site.apply(
            retry={"limit": 1, "backoffSeconds": 2},
            ray={"type": "KubeRay", "kubeRay": {"clusterReuse": "OnRetry"}},
        )
        await site.until_reason("BackingOff")
        (before,) = site.rayjobs("rayclusters")
        states = {"RayClusterProvisioned": "True", "HeadPodReady": "False"}
        conditions = [
            {"type": kind, "status": holds, "reason": "R", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}
            for kind, holds in states.items()
        ]
        site.client.patch(
            site.path("rayclusters", before["metadata"]["name"] + "/status", "ray.io/v1"),
            json={"status": {"conditions": conditions}},
            headers={"Content-Type": "application/merge-patch+json"},
        )
        await site.until_reason("Completed")
        (after,) = site.rayjobs("rayclusters")
    assert after["metadata"]["name"] != before["metadata"]["name"]
