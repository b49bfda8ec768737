"""The operator against a real API server that has KubeRay's kinds, and a stand-in for KubeRay."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from kuberay_definitions import definitions
from kuberay_standin import KubeRayStandIn
from waiting import until, wait_until
from whole_run import spec_of, write_manifest
from worlds import world

from penstock.installation import Installation
from penstock.kubeapi.context import Context
from penstock_operator.adapters.artifacts import FileArtifacts
from penstock_operator.adapters.ray.backends import RayBackends
from penstock_operator.adapters.ray.kuberay.jobs import KubeRayJobs
from penstock_operator.kinds import training_job
from penstock_operator.kubernetes.api import Api
from penstock_operator.kubernetes.audit import Timing
from penstock_operator.kubernetes.cluster import KubernetesCluster
from penstock_operator.kubernetes.operator import Options, Work, run

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

Object = dict[str, Any]


@pytest.fixture(scope="session")
def kuberay(apiserver: httpx2.Client, established: object) -> None:
    """KubeRay's kinds are served."""
    for definition in definitions():
        answer = apiserver.post(CRDS, json=definition)
        assert answer.status_code == 201, answer.text
    for plural in ("rayjobs", "rayclusters"):
        wait_until(lambda plural=plural: apiserver.get(f"/apis/ray.io/v1/{plural}").is_success)


@dataclass
class Site:
    """A namespace of a cluster in which the operator and KubeRay's stand-in run."""

    client: httpx2.Client
    namespace: str
    artifacts: Path
    kuberay: KubeRayStandIn
    installation: Installation
    writes: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of every write of the operator."""
    reads: list[str] = field(default_factory=list)
    around: Callable[[str, str, Any], AbstractAsyncContextManager[None]] | None = None
    """What a write of the operator is done in: it is given the method, the path and the body."""

    @property
    def config(self) -> Context:
        token = self.client.headers["Authorization"].removeprefix("Bearer ")
        server = str(self.client.base_url).rstrip("/")
        return Context({"server": server, "insecure-skip-tls-verify": True}, {"token": token})

    @asynccontextmanager
    async def operator(self, everywhere: bool = False) -> AsyncIterator[None]:
        """A replica that watches this namespace alone, or all of them."""

        def build(api: Api, cluster: KubernetesCluster) -> Work:
            self._count(api)

            def kube_ray(owner: Any, spec: Any, http: httpx2.AsyncClient) -> KubeRayJobs:
                return KubeRayJobs(cluster, owner, spec, self.installation, http)

            rays = RayBackends(cluster, self.installation, kube_ray)
            parts = world(cluster=cluster, rays=rays, artifacts=FileArtifacts(), installation=self.installation)
            return Work([training_job(parts)])

        watched = () if everywhere else (self.namespace,)
        # The audit finds what a watch missed that began too early for a kind that is new.
        often = Timing(every=2, grace=0.5)
        options = Options(self.namespace, "test", watched, host="127.0.0.1", port=0, audit=often)
        running = asyncio.create_task(run(self.config, build, options))
        try:
            yield
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    def _count(self, api: Api) -> None:
        call = api._call

        async def counted(method: str, path: str, **kwargs: Any) -> Any:
            if "/leases" not in path:
                if method == "GET":
                    self.reads.append(path)
                else:
                    self.writes.append((method, path))
                    if self.around is not None:
                        async with self.around(method, path, kwargs.get("body")):
                            return await call(method, path, **kwargs)
            return await call(method, path, **kwargs)

        api._call = counted  # type: ignore[method-assign]

    def path(self, plural: str, name: str = "", group: str = "penstock.dev/v1alpha1") -> str:
        return f"/apis/{group}/namespaces/{self.namespace}/{plural}{'/' if name else ''}{name}"

    def apply(self, name: str = "digits", **spec: Any) -> Object:
        """Create a TrainingJob."""
        answer = self.client.post(
            self.path("trainingjobs"),
            json={
                "apiVersion": "penstock.dev/v1alpha1",
                "kind": "TrainingJob",
                "metadata": {"name": name},
                "spec": {"source": {"type": "Path", "path": "digits"}, "entrypoint": "train.py", **spec},
            },
        )
        assert answer.status_code == 201, answer.text
        made: Object = answer.json()
        return made

    def change(self, name: str = "digits", **spec: Any) -> None:
        answer = self.client.patch(
            self.path("trainingjobs", name),
            json={"spec": spec},
            headers={"Content-Type": "application/merge-patch+json"},
        )
        assert answer.is_success, answer.text

    def job(self, name: str = "digits") -> Object | None:
        answer = self.client.get(self.path("trainingjobs", name))
        return answer.json() if answer.is_success else None

    def condition(self, name: str = "digits", type_: str = "Succeeded") -> tuple[str, str, str]:
        """Status, reason and message of a condition; empty where there is none."""
        job = self.job(name) or {}
        conditions = job.get("status", {}).get("conditions") or ()
        found = next((one for one in conditions if one["type"] == type_), {})
        return found.get("status", ""), found.get("reason", ""), found.get("message", "")

    def rayjobs(self, plural: str = "rayjobs") -> list[Object]:
        items: list[Object] = self.client.get(self.path(plural, group="ray.io/v1")).json()["items"]
        return items

    def patch_rayjob(self, patch: Object, below: str = "") -> None:
        (obj,) = self.rayjobs()
        answer = self.client.patch(
            self.path("rayjobs", obj["metadata"]["name"] + below, "ray.io/v1"),
            json=patch,
            headers={"Content-Type": "application/merge-patch+json"},
        )
        assert answer.is_success, answer.text

    async def until(self, look: Callable[[], Any], seconds: float = 30) -> Any:
        def seen() -> object:
            return (self.job() or {}).get("status"), [job.get("status") for job in self.rayjobs()]

        return await until(lambda: asyncio.to_thread(look), seconds, seen)

    async def until_reason(self, reason: str, type_: str = "Succeeded") -> str:
        """Wait for a condition's reason; returns the message."""
        await self.until(lambda: self.condition(type_=type_)[1] == reason)
        return self.condition(type_=type_)[2]

    async def write_manifest(self, obj: Object) -> None:
        """What an entrypoint that ends well leaves."""
        write_manifest(spec_of(yaml.safe_load(obj["spec"]["runtimeEnvYAML"])["env_vars"]))


@pytest.fixture
async def site(
    apiserver: httpx2.Client, kuberay: None, new_namespace: Callable[[str], str], tmp_path: Path
) -> AsyncIterator[Site]:
    namespace = new_namespace("kuberay")
    artifacts = tmp_path / "artifacts"
    installation = Installation.model_validate(
        {"artifacts": str(artifacts), "ray": {"type": "KubeRay", "kubeRay": {}}, "platformImage": "penstock/ray:test"}
    )
    async with httpx2.AsyncClient(
        base_url=str(apiserver.base_url), headers=apiserver.headers, verify=False, timeout=10
    ) as http:
        made = Site(apiserver, namespace, artifacts, KubeRayStandIn(http, namespace), installation)
        made.kuberay.on_run = made.write_manifest
        playing = asyncio.create_task(made.kuberay.run())
        try:
            yield made
        finally:
            playing.cancel()
            await asyncio.gather(playing, return_exceptions=True)
