"""The local stack: object store, API and reconcilers in one process; Ray, Milvus and the gateway beside it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from penstock.api.ray import RayBackend, RayCluster, RayType
from penstock.installation import Installation
from penstock.rundir import storage
from penstock_operator.adapters.artifacts import FileArtifacts
from penstock_operator.adapters.feast.features import FeastFeatures
from penstock_operator.adapters.milvus.vectors import MilvusVectors
from penstock_operator.adapters.ray.backends import RayBackends
from penstock_operator.kinds import chores, kinds
from penstock_operator.local.apiserver.api import create_app
from penstock_operator.local.apiserver.certificates import loopback_certificate
from penstock_operator.local.apiserver.cluster import LocalCluster
from penstock_operator.local.apiserver.expiry import expire
from penstock_operator.local.apiserver.gateways import StoredGateways
from penstock_operator.local.apiserver.kubeconfig import write_kubeconfig
from penstock_operator.local.apiserver.serve import listening
from penstock_operator.local.apiserver.store import ObjectStore
from penstock_operator.local.stack.gateway import PORT as GATEWAY
from penstock_operator.local.stack.hold import hold
from penstock_operator.local.stack.logs import RayLogs
from penstock_operator.local.stack.ports import Ports
from penstock_operator.local.stack.rotation import keep_small
from penstock_operator.local.stack.servers import API, Servers, find_ports, servers_of, supervised
from penstock_operator.loop.manager import Manager
from penstock_operator.ports import World


@dataclass(frozen=True)
class Addresses:
    """Where a running stack is reached; `stack.json` in its folder."""

    pid: int
    api: str
    gateway: str
    ray: str
    milvus: str
    kubeconfig: str


@asynccontextmanager
async def local_stack(home: Path, port: int, gateway_port: int, cpus: int) -> AsyncIterator[Addresses]:
    """Run a stack in a folder until the block ends.

    Args:
        home: the folder of its state; made if need be.
        port: of the API; 0 takes the one that it had, or a free one.
        gateway_port: of the gateway; 0 likewise.
        cpus: what Ray may use.

    Raises:
        AlreadyRunning: another stack runs in the folder.
        StartError: a server did not come up.
        OSError: a port is taken.
    """
    # The state holds Secrets.
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with hold(home):
        # Of a stack that was killed: its addresses are not those of this one.
        (home / "stack.json").unlink(missing_ok=True)
        ports = Ports(home / "ports.json")
        servers = servers_of(home, ports, cpus)
        await find_ports(servers, ports, {API: port, GATEWAY: gateway_port})
        (home / "state.db").touch(mode=0o600)
        store = ObjectStore(home / "state.db")
        addresses = _addresses(home, ports, servers)
        installation = _installation(home.resolve(), servers)
        storage.replace(str(home / "installation.json"), installation.model_dump_json(by_alias=True).encode())
        certificate = loopback_certificate(home / "tls")
        authority = certificate.certificate.read_bytes()
        token = write_kubeconfig(home / "kubeconfig", addresses.api, addresses.gateway, authority)
        try:
            cluster = LocalCluster(store)
            async with RayBackends(cluster, installation) as rays:
                app = create_app(store, token, RayLogs(store, rays))
                artifacts = FileArtifacts(installation.artifacts)
                gateways = StoredGateways(store)
                world = World(cluster, rays, FeastFeatures(), MilvusVectors(), artifacts, installation, gateways)
                async with (
                    listening(app, ports.get(API), certificate),
                    supervised(servers),
                    _beside(keep_small(home / "logs"), expire(store)),
                    _beside(Manager(cluster, kinds(world)).run(), *(chore() for chore in chores(world))),
                ):
                    storage.replace(str(home / "stack.json"), json.dumps(asdict(addresses)).encode())
                    yield addresses
        finally:
            (home / "stack.json").unlink(missing_ok=True)
            store.close()


async def end_leftovers(home: Path) -> None:
    """End the servers of a stack that was killed.

    Raises:
        AlreadyRunning: the stack runs.
    """
    with hold(home):
        servers = servers_of(home, Ports(home / "ports.json"), 1)
        await asyncio.gather(*(server.process.end_leftover() for server in servers))
        await asyncio.to_thread(servers.ray.clean)
        (home / "stack.json").unlink(missing_ok=True)


def _addresses(home: Path, ports: Ports, servers: Servers) -> Addresses:
    return Addresses(
        pid=os.getpid(),
        api=f"https://127.0.0.1:{ports.get(API)}",
        gateway=servers.gateway.url,
        ray=servers.ray.address,
        milvus=servers.milvus.uri,
        kubeconfig=str(home.resolve() / "kubeconfig"),
    )


def _installation(home: Path, servers: Servers) -> Installation:
    feast = home / "feast"
    feast.mkdir(exist_ok=True)
    return Installation(
        artifacts=f"file://{home}/artifacts",
        ray=RayBackend(type=RayType.RAY_CLUSTER, ray_cluster=RayCluster(address=servers.ray.address)),
        ray_token_path=str(servers.ray.token_path),
        shared_files=True,
        milvus_uri=servers.milvus.uri,
        feast_registry={"registry_type": "sql", "path": f"sqlite:///{feast}/registry.db"},
        feast_online_store={"type": "sqlite", "path": f"{feast}/online.db"},
        python=sys.executable,
    )


@asynccontextmanager
async def _beside(*chores: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do the chores while the block runs."""
    tasks = [asyncio.create_task(chore) for chore in chores]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
