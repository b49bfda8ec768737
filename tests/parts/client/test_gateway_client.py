"""The gateway's client where a gateway closes its connections."""

from __future__ import annotations

import asyncio

import pytest

from penstock.serving import AsyncGatewayClient, GatewayUnavailable, QueryRefused

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]"


async def served(closing: int) -> tuple[asyncio.Server, list[bytes]]:
    """A server that closes so many connections in place of an answer, and what it was asked."""
    asked: list[bytes] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        if len(asked) > closing:
            writer.write(ANSWER)
            await writer.drain()
        writer.close()

    return await asyncio.start_server(take, "127.0.0.1", 0), asked


@pytest.mark.parametrize(("closing", "times"), [(0, 1), (1, 2)])
async def test_a_query_whose_connection_is_closed_is_asked_once_more(closing: int, times: int) -> None:
    server, asked = await served(closing)
    async with server, AsyncGatewayClient(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as gateway:
        assert await gateway.materializations() == []
    assert len(asked) == times


async def test_a_gateway_that_closes_every_connection_is_unavailable() -> None:
    server, asked = await served(9)
    async with server, AsyncGatewayClient(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as gateway:
        with pytest.raises(GatewayUnavailable):
            await gateway.materializations()
    assert len(asked) == 2


async def test_a_name_changes_neither_the_route_nor_the_pin() -> None:
    server, asked = await served(0)
    async with server, AsyncGatewayClient(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as gateway:
        await gateway.describe("default", "m/../../other?run=r-9", run="r-1")
        with pytest.raises(QueryRefused, match="is no name"):
            await gateway.describe("default", "..")
    assert [request.split()[1] for request in asked] == [b"/v1/default/m%2F..%2F..%2Fother%3Frun%3Dr-9?run=r-1"]
