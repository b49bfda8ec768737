"""A gateway's Lease: it stands while the gateway lives, says what is not served, and goes with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from gateway_api import EmptyBundles, connected
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from structlog.testing import capture_logs

from penstock.gateway import replica as module
from penstock.gateway.bundle import Bundle
from penstock.gateway.catalog import Catalog
from penstock.gateway.kubernetes import Kubernetes
from penstock.gateway.metrics import BEHIND
from penstock.gateway.pins import KubernetesStagedRuns
from penstock.gateway.replica import Replica, pod, replica_name
from penstock.gateway.watch import Watcher
from penstock.kubeapi.context import choose
from penstock.kubeapi.kubeconfig import read
from penstock_operator.local.apiserver.api import create_app
from penstock_operator.local.apiserver.certificates import loopback_certificate
from penstock_operator.local.apiserver.kubeconfig import write_kubeconfig
from penstock_operator.local.apiserver.serve import listening
from penstock_operator.local.apiserver.store import ObjectStore
from penstock_operator.local.stack.sockets import free_port
from penstock_operator.loop.plan import ALWAYS
from penstock_operator.materialization.served import heartbeats, served

SWITCHED = "2026-01-01T00:00:00Z"


class Broken(EmptyBundles):
    """Cannot load the runs that it is told of."""

    def __init__(self) -> None:
        self.runs: set[str] = set()

    async def load(self, namespace: str, run: str, uri: str, outputs: Sequence[Any]) -> Bundle:
        if run in self.runs:
            raise OSError("the disk is full")
        return await super().load(namespace, run, uri, outputs)


class World:
    """An API, and a gateway beside it."""

    def __init__(self, folder: Path) -> None:
        self.store = ObjectStore(folder / "state.db")
        self.port = free_port()
        self.certificate = loopback_certificate(folder / "tls")
        authority = self.certificate.certificate.read_bytes()
        self.token = write_kubeconfig(folder / "kubeconfig", f"https://127.0.0.1:{self.port}", "", authority)
        self.api = Kubernetes(choose(read([folder / "kubeconfig"])))
        self.loader = Broken()
        self.catalog = Catalog(self.loader, KubernetesStagedRuns(self.api))
        self.running: list[asyncio.Task[None]] = []

    def start(self) -> None:
        parts = (Watcher(self.api, self.catalog), Replica(self.api, self.catalog, "one"))
        self.running = [asyncio.create_task(part.run()) for part in parts]

    async def stop(self) -> None:
        for task in self.running:
            task.cancel()
        await asyncio.gather(*self.running, self.catalog.close(), return_exceptions=True)
        self.running = []

    def point(self, run: str, second: int = 0) -> None:
        meta = {"name": "m", "namespace": "default"}
        spec = {
            "trainingJobRef": {"name": "job"},
            "gates": [],
            "features": [{"name": "images", "output": "features", "featureViewRef": {"name": "images"}}],
        }
        found = [obj for obj in self.store.list("Materialization") if obj["metadata"]["name"] == "m"]
        body = {"apiVersion": "penstock.dev/v1alpha1", "kind": "Materialization", "metadata": meta, "spec": spec}
        obj = found[0] if found else self.store.create(body)
        active = {
            "run": run,
            "stagedRunRef": {"name": f"m-{run}", "uid": run},
            "uri": f"file:///{run}",
            "trainedAt": SWITCHED,
            "switchedAt": f"2026-01-01T00:00:{second:02}Z",
        }
        self.store.update_status({**obj, "status": {"active": active}})

    def said(self) -> tuple[str, str]:
        """What the operator makes of the Leases: status and message."""
        now = datetime.now(UTC)
        replicas = heartbeats(self.store.list("Lease", "default"), now)
        entry = self.catalog.entry("default", "m")
        verdict = served("default", "m", entry.pointer.status.active, replicas, now, ALWAYS)
        return verdict.truth, verdict.message

    async def until(self, truth: str, words: str) -> None:
        async with asyncio.timeout(10):
            while True:
                if ("default", "m") in self.catalog.names() and self.said()[0] == truth and words in self.said()[1]:
                    return
                await asyncio.sleep(0.02)


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(module, "LEAST_SECONDS", 0.1)
    world = World(tmp_path)
    async with listening(create_app(world.store, world.token), world.port, world.certificate):
        yield world
        await world.stop()
    await world.api.close()
    world.store.close()


async def test_a_run_that_cannot_be_loaded_is_told_with_the_cause_until_it_is(world: World) -> None:
    world.point("a")
    world.start()
    await world.until("True", "Run a answers in 1 gateway")
    world.loader.runs.add("b")
    world.point("b")
    await world.until("False", "one: run b cannot be loaded: the disk is full")
    assert BEHIND._value.get() == 1
    world.loader.runs.clear()
    await world.until("True", "Run b answers")
    assert BEHIND._value.get() == 0


async def test_the_lease_is_renewed_seldom_though_much_happens_and_goes_with_the_gateway(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEAST_SECONDS", 0.5)
    world.point("a")
    world.start()
    await world.until("True", "Run a")
    (lease,) = world.store.list("Lease")
    assert (lease["metadata"]["name"], lease["metadata"]["namespace"]) == ("penstock-gateway-one", "default")
    assert lease["metadata"]["labels"]["app.kubernetes.io/component"] == "gateway"
    before = world.store.version
    for number in range(50):
        world.point(f"r{number}", number)
        await asyncio.sleep(0.02)
    await world.until("True", "Run r49")
    writes = world.store.changes("Lease", before)
    assert 1 <= len(writes) <= 5
    await world.stop()
    assert not world.store.list("Lease")
    assert heartbeats(world.store.list("Lease"), datetime.now(UTC)) == []


async def test_changes_that_are_no_news_are_not_written(world: World) -> None:
    world.point("a")
    world.start()
    await world.until("True", "Run a")
    await asyncio.sleep(0.5)
    before = world.store.version
    for number in range(20):
        obj = world.store.get("Materialization", "default", "m")
        world.store.update_status({**obj, "status": {**obj["status"], "observedGeneration": number + 1}})
        await asyncio.sleep(0.05)
    assert not world.store.changes("Lease", before)


async def test_silence_is_broken_every_few_seconds(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY_SECONDS", 0.3)
    monkeypatch.setattr(module, "EVERY", timedelta(seconds=0.3))
    world.point("a")
    world.start()
    await world.until("True", "Run a")
    (first,) = world.store.list("Lease")
    await asyncio.sleep(1)
    (later,) = world.store.list("Lease")
    assert later["spec"]["renewTime"] > first["spec"]["renewTime"]
    world.store.delete("Lease", "default", "penstock-gateway-one")
    await asyncio.sleep(1)
    assert world.store.list("Lease"), "one that somebody deletes is made again"


async def test_a_right_that_is_missing_is_named_where_doctor_looks_and_logged_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEAST_SECONDS", 0.02)
    monkeypatch.setattr(module, "EVERY_SECONDS", 0.04)
    asked = []

    async def forbidden(request: Any) -> JSONResponse:
        asked.append(request.method)
        status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "message": "no"}
        return JSONResponse({**status, "code": 403}, 403)

    path = "/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{name}"
    app = Starlette(routes=[Route(path, forbidden, methods=["PATCH", "DELETE"])])
    port = free_port()
    async with listening(app, port, loopback_certificate(tmp_path / "tls")):
        api = connected(f"https://127.0.0.1:{port}", "token")
        catalog = Catalog(EmptyBundles(), KubernetesStagedRuns(api))
        telling = asyncio.create_task(Replica(api, catalog, "one").run())
        with capture_logs() as logs:
            async with asyncio.timeout(10):
                while len(asked) < 5:
                    await asyncio.sleep(0.02)
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
        await api.close()
    assert [entry["event"] for entry in logs] == ["Heartbeat forbidden"]
    (problem,) = catalog.problems()
    assert problem.startswith("The operator cannot be told what is served: the gateway may not patch Lease")
    assert '"resources": ["leases"]' in problem


def test_a_replica_is_called_as_its_pod_and_belongs_to_it() -> None:
    env = {"POD_NAME": "penstock-gateway-6f-x", "POD_UID": "u"}
    assert replica_name(env, 8080) == "penstock-gateway-6f-x"
    assert pod(env) == {"apiVersion": "v1", "kind": "Pod", "name": "penstock-gateway-6f-x", "uid": "u"}
    assert pod({}) is None
    assert replica_name({}, 8080) != replica_name({}, 8081)
    assert replica_name({"POD_NAME": "Ein Rechner_" + "x" * 300}, 1).startswith("ein-rechner-x")
    assert len(replica_name({"POD_NAME": "x" * 300}, 1)) < 230
