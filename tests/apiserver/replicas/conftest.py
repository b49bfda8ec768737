"""The operator as a process against a real API server, through a proxy that plays what goes wrong."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from aiohttp import web

from penstock.api import Resource
from penstock.crds import crd
from penstock.handoff import ATTEMPT_VARIABLE, AttemptSpec
from penstock.rundir import storage
from penstock.rundir.manifest import MANIFEST, Manifest

LEASE = {"duration": 4, "deadline": 2.5, "renew": 0.5, "retry": 0.25, "call": 1}
AUDIT = {"every": 2, "grace": 0.5}
REPLICA = Path(__file__).with_name("replica.py")
JOBS = "/apis/penstock.dev/v1alpha1/namespaces/{}/trainingjobs"
DROPPED = {"host", "content-length", "transfer-encoding", "accept-encoding", "connection"}

Fault = Callable[[web.Request], Awaitable[web.StreamResponse | None]]
"""An answer in place of the API server's, or None."""


class Proxy:
    """Passes calls on to the API server, notes them, and does what a test says in between."""

    def __init__(self, address: str, token: str, certificate: Path) -> None:
        self._upstream, self._token, self._certificate = address, token, certificate
        self.calls: list[tuple[str, str]] = []
        self.fault: Fault | None = None
        self.silent = False
        self.url = ""

    async def start(self, stack: AsyncExitStack) -> Proxy:
        app = web.Application(client_max_size=1 << 26)
        app.router.add_route("*", "/{path:.*}", self._pass)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0, handler_cancellation=True)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        context = ssl.create_default_context(cafile=self._certificate)
        connector = aiohttp.TCPConnector(ssl=context, limit=0)
        self._http = await stack.enter_async_context(
            aiohttp.ClientSession(
                connector=connector, timeout=aiohttp.ClientTimeout(None), auto_decompress=False, raise_for_status=False
            )
        )
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return self

    def writes(self, *but: str) -> list[tuple[str, str]]:
        """The calls that change something, without those whose path has one of these words."""
        return [call for call in self.calls if call[0] != "GET" and not any(word in call[1] for word in but)]

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        self.calls.append((request.method, request.path_qs))
        if self.fault is not None and (answer := await self.fault(request)) is not None:
            return answer
        headers = {name: value for name, value in request.headers.items() if name.lower() not in DROPPED}
        headers["Authorization"] = f"Bearer {self._token}"
        try:
            async with self._http.request(
                request.method, f"{self._upstream}{request.path_qs}", headers=headers, data=await request.read() or None
            ) as answer:
                return await self._hand_on(request, answer)
        except aiohttp.ClientConnectionError:
            return web.Response(status=502)

    async def _hand_on(self, request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        kept = {name: value for name, value in answer.headers.items() if name.lower() not in DROPPED}
        if request.query.get("watch") != "true":
            return web.Response(status=answer.status, body=await answer.read(), headers=kept)
        stream = web.StreamResponse(status=answer.status, headers=kept)
        await stream.prepare(request)
        async for chunk in answer.content.iter_any():
            if not self.silent:
                await stream.write(chunk)
        return stream


class Ray:
    """The Jobs API of a Ray that remembers what it accepted; a test says how each job is."""

    def __init__(self, artifacts: Path) -> None:
        self.artifacts, self.url = artifacts, ""
        self.accepted: list[str] = []
        self.posts: list[str] = []
        self.states: dict[str, str] = {}
        self.specs: dict[str, AttemptSpec] = {}
        self.slow = 0.0

    async def start(self, stack: AsyncExitStack) -> Ray:
        app = web.Application()
        app.add_routes(
            [
                web.get("/api/version", self._version),
                web.post("/api/jobs/", self._submit),
                web.get("/api/jobs/{id}", self._job),
                web.post("/api/jobs/{id}/stop", self._stop),
                web.get("/api/jobs/{id}/logs", self._logs),
                web.delete("/api/jobs/{id}", self._delete),
            ]
        )
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0, handler_cancellation=True)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return self

    def finish(self, submission_id: str) -> None:
        """The attempt writes its manifest and ends."""
        spec = self.specs[submission_id]
        manifest = Manifest(
            namespace=spec.namespace,
            job=spec.name,
            uid=spec.uid,
            attempt=spec.attempt,
            run=spec.run,
            entrypoint_digest="sha256:0",
            created_at=datetime.now(UTC),
        ).signed()
        content = manifest.model_dump_json(by_alias=True, exclude_none=True).encode()
        storage.replace(storage.join(spec.run_uri, MANIFEST), content)
        self.states[submission_id] = "SUCCEEDED"

    async def _version(self, _: web.Request) -> web.Response:
        return web.json_response({"session_name": "session_1"})

    async def _submit(self, request: web.Request) -> web.Response:
        body = await request.json()
        submission_id = body["submission_id"]
        self.posts.append(submission_id)
        if submission_id in self.states:
            return web.Response(status=500, text="it is there")
        self.states[submission_id] = "RUNNING"
        self.specs[submission_id] = AttemptSpec.model_validate_json(body["runtime_env"]["env_vars"][ATTEMPT_VARIABLE])
        self.accepted.append(submission_id)
        await asyncio.sleep(self.slow)
        return web.json_response({"submission_id": submission_id})

    async def _job(self, request: web.Request) -> web.Response:
        if (state := self.states.get(request.match_info["id"])) is None:
            return web.Response(status=404)
        return web.json_response({"status": state, "message": ""})

    async def _stop(self, request: web.Request) -> web.Response:
        self.states[request.match_info["id"]] = "STOPPED"
        return web.json_response({"stopped": True})

    async def _logs(self, _: web.Request) -> web.Response:
        return web.json_response({"logs": ""})

    async def _delete(self, request: web.Request) -> web.Response:
        self.states.pop(request.match_info["id"], None)
        return web.json_response({"deleted": True})


@dataclass
class Replica:
    """One operator process."""

    identity: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    proxy: Proxy

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def ended(self, seconds: float = 20) -> int:
        async with asyncio.timeout(seconds):
            while (code := self.process.poll()) is None:
                await asyncio.sleep(0.02)
            return code

    async def ask(self, path: str) -> tuple[int, str]:
        """Status and body of one of its pages; 0 when it does not answer."""
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(3)) as http,
                http.get(f"http://127.0.0.1:{self.port}{path}") as answer,
            ):
                return answer.status, await answer.text()
        except (aiohttp.ClientError, TimeoutError):
            return 0, ""

    async def leads(self) -> bool:
        status, body = await self.ask("/readyz")
        return status == 200 and json.loads(body)["leading"]

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]


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
    ray: Ray
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
        installation = {"artifacts": str(self.ray.artifacts), "ray": {"rayCluster": {"address": self.ray.url}}}
        (self.folder / "installation.json").write_text(json.dumps(installation))
        with socket.create_server(("127.0.0.1", 0)) as holder:
            port = holder.getsockname()[1]
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
            "spec": {"source": {"path": "/code"}, "entrypoint": "train.py", **spec},
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


async def until(
    holds: Callable[[], Awaitable[bool]], seconds: float = 20, what: Callable[[], str] = lambda: "it never holds"
) -> None:
    try:
        async with asyncio.timeout(seconds):
            while not await holds():
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(what()) from None


def _kubeconfig(url: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "clusters": [{"name": "test", "cluster": {"server": url}}],
        "users": [{"name": "test", "user": {"token": "the proxy has it"}}],
    }


numbers = itertools.count()


async def new_world(server: Any, folder: Path, stack: AsyncExitStack) -> World:
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
    namespace = f"replicas-{next(numbers)}"
    (folder / "artifacts").mkdir()
    ray = await Ray(folder / "artifacts").start(stack)
    world = World(api, address, server.token, server.certificate, namespace, folder, stack, ray)
    status, made = await world.call("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    assert status == 201, made
    return world


async def end(world: World) -> None:
    for replica in world.replicas:
        if replica.process.poll() is None:
            replica.process.kill()
            replica.process.wait()


@pytest.fixture
async def world(server: Any, established: Any, tmp_path: Path) -> AsyncIterator[World]:
    """A namespace of the shared API server, with the definitions."""
    async with AsyncExitStack() as stack:
        world = await new_world(server, tmp_path, stack)
        try:
            yield world
        finally:
            await end(world)


@pytest.fixture
async def own_world(new_server: Callable[[Path], Any], tmp_path: Path) -> AsyncIterator[tuple[World, Any]]:
    """A world on an API server of its own, without the definitions, and that server."""
    server = new_server(tmp_path)
    try:
        await asyncio.to_thread(server.start)
        async with AsyncExitStack() as stack:
            world = await new_world(server, tmp_path, stack)
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
