"""The Ray port over RayJobs, with objects in memory."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import httpx2
import pytest

from penstock.api.ray import KubeRay
from penstock.api.trainingjob import TrainingJob
from penstock.installation import Installation
from penstock_operator.adapters.ray.kuberay.jobs import KubeRayJobs
from penstock_operator.adapters.ray.kuberay.names import PODS_LABEL
from penstock_operator.adapters.ray.kuberay.status import STARTING
from penstock_operator.loop.key import Key
from penstock_operator.loop.related import owned
from penstock_operator.ports import Conflict, Invalid, JobState, Missing, Object, RaySubmission, Refused

UID = "0f3c2a10-5b1e-4c7e-9a55-2f6f0e8d1c11"
ID = f"penstock-{UID}-1"
SUBMISSION = RaySubmission(ID, "python -m penstock.train.launch")
JOB = TrainingJob.model_validate(
    {
        "metadata": {"name": "digits", "namespace": "team", "uid": UID},
        "spec": {"source": {"type": "Path", "path": "digits"}, "entrypoint": "train.py"},
    }
)
PLACE = Installation.model_validate(
    {"artifacts": "s3://b", "ray": {"type": "KubeRay", "kubeRay": {}}, "platformImage": "ray:1"}
)


class Objects:
    """The objects that were made, as a cluster without controllers keeps them."""

    def __init__(self, refusal: Exception | None = None) -> None:
        self.there: dict[tuple[str, str], Object] = {}
        self.writes: list[str] = []
        self.tokens: list[str | None] = []
        self.refusal = refusal
        self.unreadable = ""

    async def get(self, kind: str, namespace: str, name: str) -> Object | None:
        return self.there.get((kind, name))

    async def select(self, kind: str, namespace: str, selector: str) -> Sequence[Object]:
        if kind == self.unreadable:
            raise Refused("The Kubernetes API answered 403")
        return [obj for (one, _), obj in self.there.items() if one == kind]

    async def create(self, obj: Object) -> Object:
        self.writes.append(f"create {obj['kind']}")
        if self.refusal is not None:
            raise self.refusal
        key = obj["kind"], obj["metadata"]["name"]
        if key in self.there:
            raise Conflict
        self.there[key] = obj
        return obj

    async def delete(self, obj: Object, *, wait: bool = False) -> None:
        self.writes.append(f"delete {obj['kind']}{' and wait' if wait else ''}")
        obj["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"

    def only(self, kind: str = "RayJob") -> Object:
        (found,) = [obj for (one, _), obj in self.there.items() if one == kind]
        return found


def ray(objects: Objects, answer: httpx2.Response | None = None, **spec: Any) -> KubeRayJobs:
    def respond(request: httpx2.Request) -> httpx2.Response:
        if answer is None:
            raise httpx2.ConnectError("no route")
        assert str(request.url) == f"http://head:8265/api/jobs/{ID}/logs"
        objects.tokens.append(request.headers.get("Authorization"))
        return answer

    http = httpx2.AsyncClient(transport=httpx2.MockTransport(respond))
    return KubeRayJobs(objects, JOB, KubeRay.model_validate(spec), PLACE, http)


async def test_a_submission_that_is_repeated_changes_nothing() -> None:
    objects = Objects()
    assert await ray(objects).job(ID) is None
    for _ in range(2):
        await ray(objects).submit(SUBMISSION)
    assert objects.only()["spec"]["jobId"] == ID
    found = await ray(objects).job(ID)
    assert found is not None
    assert found.state is JobState.PENDING


async def test_a_stop_deletes_once_and_waits_for_the_pods() -> None:
    objects = Objects()
    await ray(objects).submit(SUBMISSION)
    for _ in range(2):
        await ray(objects).stop(ID)
        await ray(objects).delete(ID)
    assert objects.writes == ["create RayJob", "delete RayJob and wait"]


async def test_what_is_not_there_is_stopped_and_forgotten() -> None:
    objects = Objects()
    await ray(objects).stop(ID)
    await ray(objects).delete(ID)
    assert (objects.writes, await ray(objects).logs(ID)) == ([], "")


@pytest.mark.parametrize(
    ("refusal", "step"),
    [
        (Missing("There is no RayJob here: not found"), "Install KubeRay, or set spec.ray.rayCluster"),
        (Invalid("The Kubernetes API answered 400: unknown field"), "or what the installation has"),
        (Refused("The Kubernetes API answered 403: exceeded quota"), "or the rights or quota"),
    ],
)
async def test_a_refusal_says_what_to_do(refusal: Refused, step: str) -> None:
    with pytest.raises(Refused, match=f"{refusal}.*{step}") as caught:
        await ray(Objects(refusal)).submit(SUBMISSION)
    assert isinstance(caught.value, Invalid) == isinstance(refusal, Invalid)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (httpx2.Response(200, json={"logs": "a\nb\nc\n"}), "b\nc"),
        (httpx2.Response(404), "kept 1\nkept 2"),
        (httpx2.Response(500, text="no agent"), "kept 1\nkept 2"),
        (None, "kept 1\nkept 2"),
    ],
)
async def test_logs_come_from_ray_or_from_what_kuberay_keeps(answer: httpx2.Response | None, expected: str) -> None:
    objects = Objects()
    await ray(objects).submit(SUBMISSION)
    objects.only()["status"] = {"dashboardURL": "head:8265", "message": "kept 0\nkept 1\nkept 2"}
    assert await ray(objects, answer).logs(ID, 2) == expected


async def test_ray_is_asked_for_logs_with_the_token_that_kuberay_made(monkeypatch: pytest.MonkeyPatch) -> None:
    objects = Objects()
    await ray(objects).submit(SUBMISSION)
    name = objects.only()["metadata"]["name"]
    objects.only()["status"] = {"dashboardURL": "head:8265", "rayClusterName": f"{name}-x7k2p"}
    answer = httpx2.Response(200, json={"logs": "a\n"})
    assert await ray(objects, answer).logs(ID) == "a"
    token = {"auth_token": base64.b64encode(b"made").decode()}
    objects.there["Secret", f"{name}-x7k2p"] = {"kind": "Secret", "data": token}
    assert await ray(objects, answer).logs(ID) == "a"
    assert objects.tokens == [None, "Bearer made"]


async def test_a_cluster_is_kept_and_given_back_once() -> None:
    objects = Objects()
    kept = ray(objects, clusterReuse="OnRetry", ttlSecondsAfterFinished=7)
    assert await kept.kept_seconds() is None
    await kept.submit(SUBMISSION)
    assert objects.only()["spec"]["clusterSelector"]["ray.io/cluster"] == objects.only("RayCluster")["metadata"]["name"]
    assert PODS_LABEL in objects.only("RayCluster")["metadata"]["labels"]
    assert await kept.kept_seconds() == 7
    await kept.release()
    await kept.release()
    assert await kept.kept_seconds() is None
    assert objects.writes == ["create RayCluster", "create RayJob", "delete RayCluster"]


async def test_a_crash_after_the_cluster_was_made_makes_no_second_one() -> None:
    objects = Objects()
    kept = ray(objects, clusterReuse="OnRetry")
    await kept.submit(SUBMISSION)
    name = objects.only()["metadata"]["name"]
    del objects.there["RayJob", name]
    await kept.submit(SUBMISSION)
    assert objects.writes == ["create RayCluster", "create RayJob", "create RayJob"]


async def test_a_cluster_that_does_not_come_is_asked_for_its_pods() -> None:
    objects = Objects()
    await ray(objects).submit(SUBMISSION)
    status = {"jobDeploymentStatus": "Initializing", "rayClusterName": "c", "startTime": "2026-01-01T00:00:00Z"}
    objects.only()["status"] = status
    found = await ray(objects).job(ID)
    assert found is not None
    assert "it has no pods yet; the events of RayCluster 'c' may say why" in found.message
    objects.there["Pod", "h"] = {"metadata": {"name": "h", "labels": {}, "deletionTimestamp": "2026-01-01T00:00:00Z"}}
    found = await ray(objects).job(ID)
    assert found is not None
    assert found.message == STARTING, "another one comes"
    objects.unreadable = "Pod"
    found = await ray(objects).job(ID)
    assert found is not None
    assert found.message == STARTING


async def test_a_head_that_is_gone_is_seen_before_kuberay_gives_up() -> None:
    objects = Objects()
    await ray(objects, clusterReuse="OnRetry").submit(SUBMISSION)
    cluster = objects.only("RayCluster")
    objects.only()["status"] = {
        "jobDeploymentStatus": "Running",
        "jobStatus": "RUNNING",
        "rayClusterName": cluster["metadata"]["name"],
        "jobStatusCheckFailureStartTime": "2026-01-01T00:00:00Z",
    }
    states = {"RayClusterProvisioned": ("True", "R"), "HeadPodReady": ("False", "HeadPodNotFound")}
    cluster["status"] = {"conditions": [{"type": k, "status": s, "reason": r} for k, (s, r) in states.items()]}
    found = await ray(objects).job(ID)
    assert found is not None
    assert "HeadPodNotFound" in found.lost
    objects.there.pop(("RayCluster", cluster["metadata"]["name"]))
    found = await ray(objects).job(ID)
    assert found is not None
    assert found.interrupted


async def test_a_change_of_a_rayjob_concerns_its_owner() -> None:
    objects = Objects()
    await ray(objects).submit(SUBMISSION)
    concerned = [list(owned(kind)(objects.only(), lambda *_: ())) for kind in ("TrainingJob", "Materialization")]
    assert concerned == [[Key("TrainingJob", "team", "digits")], []]
