"""What the API does to an operator on a bad day; the world comes to the same end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web


def some_writes_fail(status: int, times: int) -> Callable[[web.Request], Awaitable[web.Response | None]]:
    left = [times]

    async def fault(request: web.Request) -> web.Response | None:
        if request.method == "GET" or "trainingjobs" not in request.path or not left[0]:
            return None
        left[0] -= 1
        body = {"kind": "Status", "status": "Failure", "code": status, "message": "a bad day"}
        return web.json_response(body, status=status, headers={"Retry-After": "1"})

    return fault


@pytest.mark.parametrize(("status", "times"), [(409, 5), (429, 4), (500, 4)])
async def test_writes_that_are_refused_for_now_are_made_later(world: Any, status: int, times: int) -> None:
    replica = await world.leader()
    replica.proxy.fault = some_writes_fail(status, times)
    for name in ("one", "two"):
        await world.create(name)
    for name in ("one", "two"):
        await world.comes_to(name, "Running", 40)
        job = await world.job(name)
        (reconciled,) = [one for one in job["status"]["conditions"] if one["type"] == "Reconciled"]
        assert reconciled["status"] == "True"
    assert len(world.ray.accepted) == 2
    assert replica.process.poll() is None


async def test_a_watch_that_is_too_old_begins_anew(world: Any) -> None:
    replica = await world.leader()
    gone = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
    answered = []

    async def fault(request: web.Request) -> web.Response | None:
        if request.query.get("watch") != "true" or len(answered) > 12:
            return None
        answered.append(request.path)
        return web.json_response({"type": "ERROR", "object": gone})

    replica.proxy.fault = fault
    await world.create("before")
    await world.comes_to("before", "Running")
    replica.signal(2)
    assert await replica.ended() == 0
    # A replica that meets it from its start.
    second = await world.leader("b", proxy=replica.proxy)
    await world.create("after")
    await world.comes_to("after", "Running")
    assert answered
    assert second.process.poll() is None
    assert len(world.ray.accepted) == 2


async def test_a_silent_watch_is_mended_by_the_audit_and_turns_liveness_red(world: Any, eventually: Any) -> None:
    replica = await world.leader()
    assert (await replica.ask("/healthz"))[0] == 200
    replica.proxy.silent = True
    await world.create("missed")
    await world.comes_to("missed", "Running", 30)
    number = 0

    async def red() -> bool:
        # A change a moment, as on any cluster that is alive.
        nonlocal number
        number += 1
        await world.create(f"more-{number}")
        await asyncio.sleep(0.4)
        return (await replica.ask("/healthz"))[0] == 503

    await eventually(red, 60)
    assert "the watch of TrainingJob is silent" in (await replica.ask("/healthz"))[1]


async def test_a_slow_api_slows_and_breaks_nothing(world: Any) -> None:
    replica = await world.leader()

    async def fault(request: web.Request) -> None:
        await asyncio.sleep(0.4)

    replica.proxy.fault = fault
    for number in range(5):
        await world.create(f"slow-{number}")
    for number in range(5):
        await world.comes_to(f"slow-{number}", "Running", 40)
    assert len(world.ray.accepted) == 5
    assert await replica.leads()


async def test_after_the_api_server_was_killed_all_goes_on(own_world: Any, eventually: Any) -> None:
    world, server = own_world
    from penstock.api import KINDS

    await world.define(*KINDS.values())
    replica = await world.leader()
    await world.create("before")
    await world.comes_to("before", "Running")
    server.kill("kube-apiserver")
    # Longer than the lease can be held without the API: the process ends, as the kubelet would start it again.
    assert await replica.ended() == 1
    second = await world.replica("a")
    await asyncio.sleep(1)
    assert second.process.poll() is None
    await asyncio.to_thread(server.start)
    await eventually(second.leads, 30)
    await world.create("after")
    await world.comes_to("after", "Running", 40)
    world.ray.finish(world.ray.accepted[0])
    await world.comes_to("before", "Completed", 40)
    assert len(world.ray.accepted) == 2
