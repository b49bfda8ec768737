"""Logs on a cluster: Ray's Jobs API behind the API server, and what the status keeps when Ray is away."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import history
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from typer.testing import CliRunner

from penstock.api import FeatureStore, Materialization, StagedRun, TrainingJob, TrainingRun
from penstock.cli.app import app
from penstock.client import AsyncClient, LogAway, NotPossible
from penstock.client import raylogs as module

RAY = "ml/ray:8265"
ADDRESS = "http://ray.ml.svc.cluster.local:8265"


class Ray:
    """The Jobs API: a job whose log grows at each look, behind a token."""

    def __init__(self, token: str | None = None) -> None:
        self.token, self.log, self.state, self.grow = token, "one\ntwo\n", "RUNNING", list[str]()

    async def __call__(self, request: Request) -> Response:
        if self.token and request.headers.get("X-Ray-Authorization") != f"Bearer {self.token}":
            return PlainTextResponse("Unauthorized: Missing authentication token", 401)
        if not request.url.path.startswith("/api/jobs/penstock-u-1"):
            return PlainTextResponse("Job does not exist", 404)
        if request.url.path.endswith("/logs"):
            answer = JSONResponse({"logs": self.log})
            if self.grow:
                self.log += self.grow.pop(0)
            else:
                self.state = "SUCCEEDED"
            return answer
        return JSONResponse({"status": self.state})


@pytest.fixture
async def cluster(world: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AsyncClient]:
    monkeypatch.setattr(module, "POLL_SECONDS", 0.01)
    async with AsyncClient(world.kubeconfig, context="cluster") as client:
        yield client


async def job(world: Any, cluster: AsyncClient, message: str = "", **spec: Any) -> None:
    await cluster.apply(
        {
            "apiVersion": "penstock.dev/v1alpha1",
            "kind": "TrainingJob",
            "metadata": {"name": "digits"},
            "spec": {"source": {"type": "Path", "path": "/opt/nowhere"}, "entrypoint": "train.py", **spec},
        }
    )
    attempt = {"number": 1, "run": "u-1", "submissionId": "penstock-u-1", "state": "Failed", "message": message}
    url = f"{ADDRESS}/#/jobs/penstock-u-1"
    world.status("TrainingJob", "digits", attempts=[attempt], dashboardUrl=url)


async def materialization(cluster: AsyncClient) -> None:
    view = {"name": "v", "output": "features", "featureViewRef": {"name": "v"}}
    body = {"apiVersion": "penstock.dev/v1alpha1", "kind": "Materialization", "metadata": {"name": "digits"}}
    await cluster.apply({**body, "spec": {"trainingJobRef": {"name": "digits"}, "gates": [], "features": [view]}})


async def lines(client: AsyncClient, **options: Any) -> list[str]:
    return [line async for line in client.logs(TrainingJob, "digits", **options)]


async def test_the_log_comes_from_ray_through_the_api(world: Any, cluster: AsyncClient) -> None:
    world.services[RAY] = Ray()
    await job(world, cluster)
    assert await lines(cluster) == ["one", "two"]
    assert await lines(cluster, attempt=1) == ["one", "two"]
    with pytest.raises(NotPossible, match="has no attempt 2: it has 1"):
        await lines(cluster, attempt=2)


async def test_following_ends_with_the_job_and_splits_no_line(world: Any, cluster: AsyncClient) -> None:
    ray = world.services[RAY] = Ray()
    ray.grow = ["th", "ree\nfo", "ur"]
    await job(world, cluster)
    assert await lines(cluster, follow=True) == ["one", "two", "three", "four"]


async def test_rays_token_is_the_variables_or_that_of_the_jobs_own_secret(
    world: Any, cluster: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.services[RAY] = Ray("s3cret")
    await job(world, cluster)
    with pytest.raises(LogAway, match="wants its token: set PENSTOCK_RAY_TOKEN"):
        await lines(cluster)
    monkeypatch.setenv("PENSTOCK_RAY_TOKEN", "s3cret")
    assert await lines(cluster) == ["one", "two"]
    monkeypatch.delenv("PENSTOCK_RAY_TOKEN")
    data = {"token": base64.b64encode(b"s3cret").decode()}
    await cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "ray"}, "data": data})
    ref = {
        "type": "RayCluster",
        "rayCluster": {"address": ADDRESS, "tokenSecretKeyRef": {"name": "ray", "key": "token"}},
    }
    await cluster.delete(TrainingJob, "digits")
    await job(world, cluster, ray=ref)
    assert await lines(cluster) == ["one", "two"]


async def forbidden(request: Request) -> Response:
    said = 'services "ray" is forbidden: User "me" cannot get resource "services/proxy"'
    return JSONResponse({"kind": "Status", "reason": "Forbidden", "message": said, "code": 403}, 403)


@pytest.mark.parametrize(
    ("service", "message"),
    [
        (forbidden, "it takes get on services/proxy for Service 'ray' in namespace 'ml'"),
        (None, "Ray at Service 'ray' in namespace 'ml' is gone"),
    ],
)
async def test_what_the_status_keeps_stands_in_for_a_ray_that_is_away(
    world: Any, cluster: AsyncClient, monkeypatch: pytest.MonkeyPatch, service: Any, message: str
) -> None:
    if service is not None:
        world.services[RAY] = service
    await job(world, cluster, message="train.py failed. Its last lines:\nValueError: a lemon")
    with pytest.raises(LogAway, match=message) as error:
        await lines(cluster)
    assert error.value.lines == ("train.py failed. Its last lines:", "ValueError: a lemon")
    monkeypatch.setenv("PENSTOCK_KUBECONFIG", str(world.kubeconfig))
    done = await asyncio.to_thread(CliRunner().invoke, app, ["logs", "digits", "--context", "cluster"])
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "ValueError: a lemon")
    assert message in done.stderr


async def test_a_dashboard_outside_of_the_cluster_is_named(world: Any, cluster: AsyncClient) -> None:
    await job(world, cluster)
    found = world.get("TrainingJob", "digits")["status"]
    world.status("TrainingJob", "digits", **{**found, "conditions": {}, "dashboardUrl": "https://ray.example.com/x"})
    with pytest.raises(LogAway, match=r"https://ray.example.com/x is no Service of the cluster: open it"):
        await lines(cluster)


async def test_what_runs_nothing_has_no_log(world: Any, cluster: AsyncClient) -> None:
    base = {"apiVersion": "penstock.dev/v1alpha1", "metadata": {"name": "digits"}}
    await cluster.apply({**base, "kind": "FeatureStore", "spec": {"project": "digits"}})
    with pytest.raises(NotPossible, match="runs nothing"):
        [line async for line in cluster.logs(FeatureStore, "digits")]
    await materialization(cluster)
    with pytest.raises(NotPossible, match="has staged nothing yet"):
        [line async for line in cluster.logs(Materialization, "digits")]
    history.stage(world, "u-1", "Pending")
    with pytest.raises(NotPossible, match="has not been tried yet"):
        [line async for line in cluster.logs(StagedRun, "digits-u-1")]


async def test_an_attempt_with_a_ray_of_its_own_is_found_by_its_ray_job(world: Any, cluster: AsyncClient) -> None:
    ray = world.services["default/digits-1-head-svc:8265"] = Ray()
    ray.log = "of the first\n"
    await job(world, cluster, ray={"type": "KubeRay", "kubeRay": {"image": "ray"}})
    others = [
        {"metadata": {"annotations": {"penstock.dev/submission": "penstock-u-2"}}, "status": {"dashboardURL": "no:1"}},
        {
            "metadata": {"annotations": {"penstock.dev/submission": "penstock-u-1"}},
            "status": {"dashboardURL": "digits-1-head-svc.default.svc.cluster.local:8265"},
        },
    ]
    world.documents["/apis/ray.io/v1/namespaces/default/rayjobs"] = {"items": others}
    assert await lines(cluster, attempt=1) == ["of the first"]
    world.documents.clear()
    with pytest.raises(LogAway, match="Ray at Service 'ray' in namespace 'ml' is gone"):
        await lines(cluster)


async def test_a_ray_of_its_own_is_asked_with_the_token_that_kuberay_made(world: Any, cluster: AsyncClient) -> None:
    world.services["default/digits-1-head-svc:8265"] = Ray("made")
    await job(world, cluster, ray={"type": "KubeRay", "kubeRay": {"image": "ray"}})
    name = "a-name-that-kuberay-makes-shorter-digits-0f3c2a105b1e-1-x7k2p"
    status = {"dashboardURL": "digits-1-head-svc.default.svc.cluster.local:8265", "rayClusterName": name}
    annotations = {"penstock.dev/submission": "penstock-u-1"}
    found = [{"metadata": {"annotations": annotations}, "status": status}]
    world.documents["/apis/ray.io/v1/namespaces/default/rayjobs"] = {"items": found}
    secret = "rkuberay-makes-shorter-digits-0f3c2a105b1e-1-x7k2p"
    with pytest.raises(LogAway, match=f"wants its token: set PENSTOCK_RAY_TOKEN to auth_token of Secret '{secret}'"):
        await lines(cluster, attempt=1)
    token = {"auth_token": base64.b64encode(b"made").decode()}
    meta = {"name": secret, "namespace": "default"}
    world.do(lambda store: store.create({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": token}))
    assert await lines(cluster, attempt=1) == ["one", "two"]


async def test_a_staging_is_found_by_the_installations_ray(world: Any, cluster: AsyncClient) -> None:
    world.services["penstock/penstock-ray:8265"] = Ray()
    installation = {
        "artifacts": "s3://a",
        "ray": {"type": "RayCluster", "rayCluster": {"address": "http://penstock-ray:8265"}},
    }
    document = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "penstock-installation", "namespace": "penstock"},
        "data": {"installation.json": json.dumps(installation)},
    }
    world.do(lambda store: store.create(document))
    await materialization(cluster)
    history.stage(world, "u-1", "Staging", latestTry={"number": 1, "submissionId": "penstock-u-1"})
    assert [line async for line in cluster.logs(StagedRun, "digits-u-1")] == ["one", "two"]
    history.serve(world, "u-0", latest="u-1")
    assert [line async for line in cluster.logs(Materialization, "digits")] == ["one", "two"]


async def test_the_log_of_a_run_is_its_attempts_as_long_as_its_job_is_there(world: Any, cluster: AsyncClient) -> None:
    world.services[RAY] = Ray()
    await job(world, cluster)
    uid = world.get("TrainingJob", "digits")["metadata"]["uid"]
    history.train(world, "u-1", trainingJobRef={"name": "digits", "uid": uid})
    history.train(world, "u-2", trainingJobRef={"name": "digits", "uid": "of-one-before"})
    assert [line async for line in cluster.logs(TrainingRun, "u-1")] == ["one", "two"]
    gone = "has no log any more: its job 'digits' is gone"
    with pytest.raises(NotPossible, match=f"u-2 {gone}"):
        [line async for line in cluster.logs(TrainingRun, "u-2")]
    await cluster.delete(TrainingJob, "digits")
    with pytest.raises(NotPossible, match=f"u-1 {gone}"):
        [line async for line in cluster.logs(TrainingRun, "u-1")]
