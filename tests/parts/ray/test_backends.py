"""Which Ray an object's jobs go to, with which token and which secrets: by what a small Jobs API received."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

import httpx2
import pytest
from aiohttp import web

from penstock.api import TrainingJob
from penstock.api.meta import SecretKeyRef
from penstock.api.ray import RayBackend, RayCluster, RayType
from penstock.installation import Installation
from penstock.secrets import MissingSecret
from penstock_operator.adapters.ray import backends
from penstock_operator.adapters.ray.backends import RayBackends
from penstock_operator.adapters.ray.jobs import RayJobs
from penstock_operator.ports import JobState, RaySubmission, Refused, Unreachable


class Objects:
    """Secrets of the namespace `team`."""

    secrets: ClassVar = {"ray": {"token": "spec's"}, "s3": {"AWS_ACCESS_KEY_ID": "id"}, "own": {"password": "p"}}

    def __init__(self) -> None:
        self.reads = 0

    async def get(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        assert kind == "Secret"
        self.reads += 1
        found = self.secrets.get(name) if namespace == "team" else None
        data = {key: base64.b64encode(value.encode()).decode() for key, value in (found or {}).items()}
        return {"data": data} if found is not None else None


@pytest.fixture
async def api() -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
    """The address of a Jobs API, and what it was sent."""
    seen: list[dict[str, Any]] = []

    async def submit(request: web.Request) -> web.Response:
        seen.append({"token": request.headers.get("Authorization"), **await request.json()})
        return web.json_response({"submission_id": "s"})

    async def job(request: web.Request) -> web.Response:
        seen.append({"token": request.headers.get("Authorization")})
        return web.json_response({"status": "RUNNING"})

    app = web.Application()
    app.add_routes([web.post("/api/jobs/", submit), web.get("/api/jobs/{id}", job)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", seen
    await runner.cleanup()


def job(ray: dict[str, Any] | None = None, namespace: str = "team") -> TrainingJob:
    spec = {"source": {"type": "Path", "path": "/code"}, "entrypoint": "train.py", **({"ray": ray} if ray else {})}
    return TrainingJob.model_validate(
        {"kind": "TrainingJob", "metadata": {"name": "a", "namespace": namespace, "uid": "u"}, "spec": spec}
    )


def installation(address: str, **changed: Any) -> Installation:
    return Installation(
        artifacts="/runs", ray=RayBackend(type=RayType.RAY_CLUSTER, ray_cluster=RayCluster(address=address)), **changed
    )


async def test_the_installations_ray_is_asked_with_its_own_token(api: Any, tmp_path: Path) -> None:
    address, seen = api
    (tmp_path / "token").write_text("installation's\n")
    home = installation(address, ray_token_path=str(tmp_path / "token"))
    async with RayBackends(Objects(), home) as rays:  # type: ignore[arg-type]
        found = await (await rays.ray_of(job())).job("s-1")
        assert found is not None
        assert (found.state, found.dashboard_url) == (JobState.RUNNING, f"{address}/#/jobs/s-1")
        assert seen == [{"token": "Bearer installation's"}]


async def test_a_ray_of_the_spec_never_gets_the_installations_token(api: Any, tmp_path: Path) -> None:
    address, seen = api
    (tmp_path / "token").write_text("installation's")
    home = installation("http://127.0.0.1:1", ray_token_path=str(tmp_path / "token"))
    async with RayBackends(Objects(), home) as rays:  # type: ignore[arg-type]
        await (await rays.ray_of(job({"type": "RayCluster", "rayCluster": {"address": f"{address}/"}}))).job("s")
        ref = {"name": "ray", "key": "token"}
        await (
            await rays.ray_of(job({"type": "RayCluster", "rayCluster": {"address": address, "tokenSecretKeyRef": ref}}))
        ).job("s")
    assert [one["token"] for one in seen] == [None, "Bearer spec's"]


async def test_a_token_is_read_once_for_many_polls_and_again_when_it_may_have_changed(
    api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, seen = api
    objects = Objects()
    ray = {
        "type": "RayCluster",
        "rayCluster": {"address": address, "tokenSecretKeyRef": {"name": "ray", "key": "token"}},
    }
    async with RayBackends(objects, installation(address)) as rays:  # type: ignore[arg-type]
        for _ in range(3):
            await (await rays.ray_of(job(ray))).job("s")
        assert objects.reads == 1
        with pytest.raises(MissingSecret, match="'ray' is not in namespace 'elsewhere'"):
            await rays.ray_of(job(ray, namespace="elsewhere"))
        monkeypatch.setattr(backends, "TOKEN_SECONDS", 0)
        monkeypatch.setitem(Objects.secrets, "ray", {"token": "another"})
        await (await rays.ray_of(job(ray))).job("s")
    assert [one["token"] for one in seen] == ["Bearer spec's"] * 3 + ["Bearer another"]


async def test_secrets_are_read_for_a_ray_that_cannot_read_them(api: Any) -> None:
    address, seen = api
    submission = RaySubmission(
        "s", "true", env={"A": "a"}, secrets={"PASSWORD": SecretKeyRef(name="own", key="password")}
    )
    async with RayBackends(Objects(), installation(address, artifacts_secret="s3")) as rays:  # type: ignore[arg-type]
        await (await rays.ray_of(job())).submit(submission)
        assert seen[0]["runtime_env"]["env_vars"] == {"A": "a", "AWS_ACCESS_KEY_ID": "id", "PASSWORD": "p"}
        with pytest.raises(MissingSecret, match="'s3' is not in namespace 'elsewhere'"):
            await (await rays.ray_of(job(namespace="elsewhere"))).submit(RaySubmission("s", "true"))


async def test_a_variable_of_the_job_counts_before_one_of_the_artifacts_secret(api: Any) -> None:
    address, seen = api
    async with RayBackends(Objects(), installation(address, artifacts_secret="s3")) as rays:  # type: ignore[arg-type]
        await (await rays.ray_of(job())).submit(RaySubmission("s", "true", env={"AWS_ACCESS_KEY_ID": "own"}))
    assert seen[0]["runtime_env"]["env_vars"] == {"AWS_ACCESS_KEY_ID": "own"}


@pytest.mark.parametrize("page", ["<html>Sign in</html>", '{"version": "1"}', "[]", "null"])
async def test_an_address_at_which_something_else_answers_is_told_as_such(page: str) -> None:
    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, text=page))
    async with RayJobs("http://wiki", http=httpx2.AsyncClient(transport=transport)) as ray:
        for call in (ray.session(), ray.job("s"), ray.logs("s")):
            with pytest.raises(Unreachable, match="http://wiki is no Ray: give the address"):
                await call


async def test_a_kube_ray_that_is_not_there_is_refused_with_the_next_step() -> None:
    async with RayBackends(Objects(), installation("http://127.0.0.1:1")) as rays:  # type: ignore[arg-type]
        with pytest.raises(Refused, match=r"set spec\.ray\.rayCluster"):
            await rays.ray_of(job({"type": "KubeRay", "kubeRay": {}}))
