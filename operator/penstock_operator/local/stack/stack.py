"""The local stack: object store, API and reconcilers in one process; Ray, Milvus and the gateway beside it."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import sys
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

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
from penstock_operator.local.apiserver.serve import serving
from penstock_operator.local.apiserver.store import ObjectStore
from penstock_operator.local.stack.gateway import PORT as GATEWAY
from penstock_operator.local.stack.gateway import GatewayServer
from penstock_operator.local.stack.logs import RayLogs
from penstock_operator.local.stack.milvus import MilvusServer
from penstock_operator.local.stack.ports import Ports
from penstock_operator.local.stack.processes import ChildProcess, StartError
from penstock_operator.local.stack.rayhead import RayHead
from penstock_operator.local.stack.rotation import keep_small
from penstock_operator.local.stack.sockets import is_free
from penstock_operator.loop.manager import Manager
from penstock_operator.ports import World

API = "api"
FLAGS = {API: "--port", GATEWAY: "--gateway-port"}


class AlreadyRunning(Exception):
    """Another stack holds this folder."""


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
        servers = _servers(home, ports, cpus)
        await _settle(servers, ports, {API: port, GATEWAY: gateway_port})
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
                    serving(app, ports.get(API), certificate),
                    _supervised(servers),
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
        servers = _servers(home, Ports(home / "ports.json"), 1)
        await asyncio.gather(*(server.process.end_leftover() for server in servers))
        await asyncio.to_thread(servers.ray.clean)
        (home / "stack.json").unlink(missing_ok=True)


@contextmanager
def hold(home: Path) -> Iterator[None]:
    """Hold the folder; the lock ends with the process, however it ends.

    Raises:
        AlreadyRunning: another stack holds it.
    """
    with (home / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(f"A stack runs in {home} already: use it, or stop it first") from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


class Servers(NamedTuple):
    """The processes beside the control plane."""

    ray: RayHead
    milvus: MilvusServer
    gateway: GatewayServer


def _servers(home: Path, ports: Ports, cpus: int) -> Servers:
    return Servers(RayHead(home, ports, cpus), MilvusServer(home, ports), GatewayServer(home, ports))


async def _settle(servers: Servers, ports: Ports, wanted: Mapping[str, int]) -> None:
    """Adopt what a killed stack left, and find ports for the rest.

    Raises:
        OSError: a port that was asked for is taken; nothing was started for it.
    """
    told = (API, *servers.milvus.PORTS)
    before = [ports.get(name) for name in told]
    for name, port in wanted.items():
        if port:
            ports.set(name, port)
    owned: list[tuple[ChildProcess, Sequence[str]]] = [(server.process, server.PORTS) for server in servers]
    adopted = await asyncio.gather(*(process.adopt() for process, _ in owned))
    free = [names for (_, names), living in zip(owned, adopted, strict=True) if not living]
    for name in (API, *(name for names in free for name in names)):
        if not wanted.get(name):
            ports.renew(name)
        elif not is_free(wanted[name]):
            raise OSError(f"Port {wanted[name]} of 127.0.0.1 is taken: choose another with {FLAGS[name]}")
    if [ports.get(name) for name in told] != before:
        # It read these addresses when it was started.
        await servers.gateway.process.end_leftover()


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
async def _supervised(servers: Servers) -> AsyncIterator[None]:
    """Start the servers, start again what ends, and end them with the block."""
    keepers: list[asyncio.Task[None]] = []
    try:
        await _start(servers)
        keepers = [asyncio.create_task(server.process.keep()) for server in servers]
        yield
    finally:
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        await asyncio.gather(*(server.process.stop() for server in servers))
        await asyncio.to_thread(servers.ray.clean)


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


async def _start(servers: Servers) -> None:
    try:
        async with asyncio.TaskGroup() as starting:
            for server in servers:
                starting.create_task(server.process.start())
    except* StartError as errors:
        raise errors.exceptions[0] from None
