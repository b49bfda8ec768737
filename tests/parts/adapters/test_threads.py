"""Blocking calls: an endpoint that hangs is told, and delays no other."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from penstock_operator.adapters.threads import IDLE, EndpointThreads
from penstock_operator.ports import Unreachable


async def test_an_endpoint_that_hangs_delays_no_other_and_is_told() -> None:
    threads, release = EndpointThreads(threads=2, waiting=3), threading.Event()
    hanging = [asyncio.create_task(threads.run("Milvus at h", release.wait, 0.3)) for _ in range(5)]
    await asyncio.sleep(0.05)
    started = time.monotonic()
    assert await threads.run("Milvus at w", lambda: 7, 5) == 7
    assert time.monotonic() - started < 0.2
    with pytest.raises(Unreachable, match="Milvus at h did not answer 5 calls"):
        await threads.run("Milvus at h", lambda: 7, 5)
    for error in await asyncio.gather(*hanging, return_exceptions=True):
        assert isinstance(error, Unreachable)
        assert "did not answer in time" in str(error)
    release.set()
    async with asyncio.timeout(5):
        while True:
            try:
                assert await threads.run("Milvus at h", lambda: 7, 5) == 7
                return
            except Unreachable:
                await asyncio.sleep(0.01)


async def test_endpoints_that_come_and_go_leave_no_threads() -> None:
    threads, release = EndpointThreads(), threading.Event()
    hanging = asyncio.create_task(threads.run("Milvus at h", release.wait, 5))
    try:
        for number in range(5 * IDLE):
            assert await threads.run(f"Feast project {number}", threading.get_ident, 5)
            await asyncio.sleep(0)
        ours = [one for one in threading.enumerate() if one.name.startswith(("Feast project", "Milvus at h"))]
        assert len(ours) <= IDLE + 2
    finally:
        release.set()
    assert await hanging


async def test_what_a_call_raises_comes_out() -> None:
    def fail() -> None:
        raise ValueError("as it is")

    with pytest.raises(ValueError, match="as it is"):
        await EndpointThreads().run("x", fail, 5)
