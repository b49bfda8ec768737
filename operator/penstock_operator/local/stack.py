"""The local stack: object store, API, Ray, and the reconcilers between them."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from penstock.installation import Installation
from penstock.rundir import storage
from penstock_operator.artifacts import FileArtifacts
from penstock_operator.data.features import FeastFeatures
from penstock_operator.data.vectors import MilvusVectors
from penstock_operator.featurestore.reconciler import FeatureStoreReconciler
from penstock_operator.featureview.reconciler import FeatureViewReconciler
from penstock_operator.local.api import create_app
from penstock_operator.local.cluster import LocalCluster
from penstock_operator.local.kubeconfig import write_kubeconfig
from penstock_operator.local.milvus import MilvusServer
from penstock_operator.local.rayhead import RayHead
from penstock_operator.local.sockets import free_port
from penstock_operator.local.store import ObjectStore
from penstock_operator.loop.manager import Manager
from penstock_operator.loop.reconciler import Reconciler
from penstock_operator.materialization.reconciler import MaterializationReconciler
from penstock_operator.ray.jobs import RayJobs
from penstock_operator.training.reconciler import TrainingJobReconciler
from penstock_operator.vectorcollection.reconciler import VectorCollectionReconciler
from penstock_operator.vectorstore.reconciler import VectorStoreReconciler


class AlreadyRunning(Exception):
    """Another stack holds this folder."""


@dataclass(frozen=True)
class Addresses:
    """Where a running stack is reached; `stack.json` in its folder."""

    pid: int
    api: str
    ray: str
    kubeconfig: str


@asynccontextmanager
async def local_stack(home: Path, port: int, cpus: int) -> AsyncIterator[Addresses]:
    """Run a stack in a folder until the block ends.

    Args:
        home: the folder of its state; made if need be.
        port: of the API; 0 takes a free one.
        cpus: what Ray may use.

    Raises:
        AlreadyRunning: another stack runs in the folder.
        StartError: Ray did not come up.
        OSError: the port is taken.
    """
    home.mkdir(parents=True, exist_ok=True)
    with _lock(home / "lock").open("w") as lock:
        _hold(lock.fileno(), home)
        lock.write(str(os.getpid()))
        lock.flush()
        store = ObjectStore(home / "state.db")
        ray, milvus = RayHead(home, cpus), MilvusServer(home)
        api = f"http://127.0.0.1:{port or free_port()}"
        addresses = Addresses(os.getpid(), api, ray.address, str(home / "kubeconfig"))
        try:
            async with _serving(store, home, addresses), RayJobs(ray.address) as jobs:
                await asyncio.gather(ray.start(), milvus.start())
                installation = _installation(home.resolve(), ray.address, milvus.uri)
                cluster = LocalCluster(store)
                manager = asyncio.create_task(Manager(cluster, _reconcilers(cluster, jobs, installation)).run())
                storage.replace(str(home / "stack.json"), json.dumps(addresses.__dict__).encode())
                try:
                    yield addresses
                finally:
                    manager.cancel()
                    await asyncio.gather(manager, return_exceptions=True)
        finally:
            (home / "stack.json").unlink(missing_ok=True)
            await asyncio.gather(ray.stop(), milvus.stop())
            store.close()


def _installation(home: Path, ray: str, milvus: str) -> Installation:
    feast = home / "feast"
    feast.mkdir(exist_ok=True)
    return Installation(
        artifacts=f"file://{home}/artifacts",
        ray_address=ray,
        milvus_uri=milvus,
        feast_registry={"registry_type": "sql", "path": f"sqlite:///{feast}/registry.db"},
        feast_online_store={"type": "sqlite", "path": f"{feast}/online.db"},
        python=sys.executable,
    )


def _reconcilers(cluster: LocalCluster, ray: RayJobs, installation: Installation) -> list[Reconciler[Any, Any]]:
    features, vectors, artifacts = FeastFeatures(), MilvusVectors(), FileArtifacts()
    return [
        TrainingJobReconciler(cluster, ray, artifacts, installation),
        FeatureStoreReconciler(cluster, features, installation),
        FeatureViewReconciler(cluster, features, installation),
        VectorStoreReconciler(cluster, vectors, installation),
        VectorCollectionReconciler(cluster, vectors, installation),
        MaterializationReconciler(cluster, ray, features, vectors, artifacts, installation),
    ]


def _lock(path: Path) -> Path:
    path.touch()
    return path


def _hold(descriptor: int, home: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise AlreadyRunning(f"A stack runs in {home} already: use it, or stop it first") from None


@asynccontextmanager
async def _serving(store: ObjectStore, home: Path, addresses: Addresses) -> AsyncIterator[None]:
    """Serve the API while the block runs."""
    token = secrets.token_urlsafe(32)
    write_kubeconfig(home / "kubeconfig", addresses.api, token)
    port = int(addresses.api.rsplit(":", 1)[1])
    config = uvicorn.Config(
        create_app(store, token), host="127.0.0.1", port=port, log_level="warning", timeout_graceful_shutdown=1
    )
    # Signals are the stack's own business, which ends more than the API.
    server = _Server(config)
    task = asyncio.create_task(server.serve())
    try:
        while not server.started:
            if task.done():
                raise OSError(f"Port {port} of 127.0.0.1 cannot be used: is it taken?")
            await asyncio.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        await asyncio.gather(task, return_exceptions=True)


class _Server(uvicorn.Server):
    """A server without signal handlers, and that does not exit the process when its port is taken."""

    async def serve(self, sockets: object = None) -> None:
        try:
            await self._serve(None)
        except SystemExit:
            return
