"""The processes beside the control plane: where they listen, and how they are kept going."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from penstock_operator.local.stack.gateway import PORT as GATEWAY
from penstock_operator.local.stack.gateway import GatewayServer
from penstock_operator.local.stack.milvus import MilvusServer
from penstock_operator.local.stack.ports import Ports
from penstock_operator.local.stack.processes import ChildProcess, StartError
from penstock_operator.local.stack.rayhead import RayHead
from penstock_operator.local.stack.sockets import is_free

API = "api"
FLAGS = {API: "--port", GATEWAY: "--gateway-port"}


class Servers(NamedTuple):
    """The processes beside the control plane."""

    ray: RayHead
    milvus: MilvusServer
    gateway: GatewayServer


def servers_of(home: Path, ports: Ports, cpus: int) -> Servers:
    """Those of a stack's folder; nothing is started yet."""
    return Servers(RayHead(home, ports, cpus), MilvusServer(home, ports), GatewayServer(home, ports))


async def find_ports(servers: Servers, ports: Ports, wanted: Mapping[str, int]) -> None:
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


@asynccontextmanager
async def supervised(servers: Servers) -> AsyncIterator[None]:
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


async def _start(servers: Servers) -> None:
    try:
        async with asyncio.TaskGroup() as starting:
            for server in servers:
                starting.create_task(server.process.start())
    except* StartError as errors:
        raise errors.exceptions[0] from None
