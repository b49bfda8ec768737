"""Worlds of operator processes against a real API server, through proxies that play what goes wrong."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from api_proxy import Proxy
from apiserver import Server
from loopback import free_ports
from operator_replica import Replica
from ray_standin import RayStandIn
from waiting import until

from penstock.api import Resource
from penstock.crds import crd

LEASE = {"duration": 4, "deadline": 2.5, "renew": 0.5, "retry": 0.25, "call": 1}
AUDIT = {"every": 2, "grace": 0.5}
REPLICA = Path(__file__).with_name("replica.py")
JOBS = "/apis/penstock.dev/v1alpha1/namespaces/{}/trainingjobs"


@dataclass
class World:
    """A namespace on the API server, a Ray, and the replicas that a test starts."""

    api: aiohttp.ClientSession
    address: str
    token: str
    certificate: Path
    namespace: str
    folder: Path
    stack: AsyncExitStack
    ray: RayStandIn
    replicas: list[Replica] = field(default_factory=list)

    async def call(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        async with self.api.request(method, path, json=body, headers=headers) as answer:
            return answer.status, await answer.json()

    async def new_proxy(self) -> Proxy:
        return await Proxy(self.address, self.token, self.certificate).start(self.stack)

    async def replica(self, identity: str = "a", *, clusterwide: bool = False, proxy: Proxy | None = None) -> Replica:
        """Start a replica behind a proxy of its own."""
        proxy = proxy or await self.new_proxy()
        number = len(self.replicas)
        config, log = self.folder / f"kubeconfig-{number}", self.folder / f"replica-{number}.log"
        config.write_text(yaml.safe_dump(_kubeconfig(proxy.url)))
        installation = {
            "artifacts": str(self.ray.artifacts),
            "ray": {"type": "RayCluster", "rayCluster": {"address": self.ray.url}},
        }
        (self.folder / "installation.json").write_text(json.dumps(installation))
        (port,) = free_ports(1)
        given = {
            "identity": identity,
            "namespace": self.namespace,
            "namespaces": [] if clusterwide else [self.namespace],
            "port": port,
            "lease": LEASE,
            "audit": AUDIT,
        }
        env = {
            **os.environ,
            "KUBECONFIG": str(config),
            "PENSTOCK_INSTALLATION": str(self.folder / "installation.json"),
        }
        with log.open("wb") as out:
            process = subprocess.Popen(  # noqa: ASYNC220 - it takes no time
                [sys.executable, str(REPLICA), json.dumps(given)], env=env, stdout=out, stderr=out
            )
        replica = Replica(identity, port, process, log, proxy)
        self.replicas.append(replica)
        return replica

    async def leader(self, identity: str = "a", **how: Any) -> Replica:
        replica = await self.replica(identity, **how)
        await until(replica.leads)
        return replica

    async def create(self, name: str, **spec: Any) -> dict[str, Any]:
        body = {
            "apiVersion": "penstock.dev/v1alpha1",
            "kind": "TrainingJob",
            "metadata": {"name": name},
            "spec": {"source": {"type": "Path", "path": "/code"}, "entrypoint": "train.py", **spec},
        }
        status, made = await self.call("POST", JOBS.format(self.namespace), body)
        assert status == 201, made
        return made

    async def define(self, *kinds: type[Resource], **extra: Any) -> None:
        """Create the definitions of the kinds, and wait until they serve; `extra` goes into each spec's schema."""
        for kind in kinds:
            body = crd(kind)
            schema = body["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
            schema["properties"]["spec"]["properties"].update(extra)
            status, made = await self.call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", body)
            assert status == 201, made

        async def served() -> bool:
            paths = [f"/apis/penstock.dev/v1alpha1/{kind.PLURAL}" for kind in kinds]
            return all([(await self.call("GET", path))[0] == 200 for path in paths])

        await until(served)

    async def job(self, name: str) -> dict[str, Any] | None:
        status, obj = await self.call("GET", f"{JOBS.format(self.namespace)}/{name}")
        return None if status == 404 else obj

    async def reason(self, name: str) -> str:
        """The reason of the job's condition, empty before it has one."""
        obj = await self.job(name) or {}
        found = [one for one in obj.get("status", {}).get("conditions", []) if one["type"] == "Succeeded"]
        return found[0]["reason"] if found else ""

    async def comes_to(self, name: str, reason: str, seconds: float = 20) -> None:
        async def there() -> bool:
            return await self.reason(name) == reason

        await until(there, seconds, lambda: f"{name} is not {reason}")

    async def lease(self) -> dict[str, Any]:
        path = f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases/penstock-operator"
        _, obj = await self.call("GET", path)
        return obj

    async def events(self) -> list[tuple[str, str]]:
        _, found = await self.call("GET", f"/api/v1/namespaces/{self.namespace}/events")
        return [(item["involvedObject"]["name"], item["reason"]) for item in found["items"]]


def _kubeconfig(url: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "clusters": [{"name": "test", "cluster": {"server": url}}],
        "users": [{"name": "test", "user": {"token": "the proxy has it"}}],
    }


async def new_world(server: Server, namespace: str, folder: Path, stack: AsyncExitStack) -> World:
    address = f"https://127.0.0.1:{server.port}"
    context = ssl.create_default_context(cafile=server.certificate)
    api = await stack.enter_async_context(
        aiohttp.ClientSession(
            address,
            connector=aiohttp.TCPConnector(ssl=context),
            headers={"Authorization": f"Bearer {server.token}"},
            timeout=aiohttp.ClientTimeout(20),
        )
    )
    (folder / "artifacts").mkdir()
    ray = await RayStandIn(folder / "artifacts").start(stack)
    return World(api, address, server.token, server.certificate, namespace, folder, stack, ray)


async def end(world: World) -> None:
    for replica in world.replicas:
        if replica.process.poll() is None:
            replica.process.kill()
            replica.process.wait()


@pytest.fixture
async def world(
    server: Server, established: object, new_namespace: Callable[[str], str], tmp_path: Path
) -> AsyncIterator[World]:
    """A namespace of the shared API server, with the definitions."""
    async with AsyncExitStack() as stack:
        world = await new_world(server, new_namespace("replicas"), tmp_path, stack)
        try:
            yield world
        finally:
            await end(world)


@pytest.fixture
async def own_world(new_server: Callable[[Path], Server], tmp_path: Path) -> AsyncIterator[tuple[World, Server]]:
    """A world on an API server of its own, without the definitions, and that server."""
    server = new_server(tmp_path)
    try:
        await asyncio.to_thread(server.start)
        async with AsyncExitStack() as stack:
            world = await new_world(server, "own", tmp_path, stack)
            status, made = await world.call("POST", "/api/v1/namespaces", {"metadata": {"name": "own"}})
            assert status == 201, made
            try:
                yield world, server
            finally:
                await end(world)
    finally:
        server.stop()


@pytest.fixture
def eventually() -> Callable[..., Awaitable[None]]:
    """Waits until something holds."""
    return until
