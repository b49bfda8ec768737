"""Two replicas: one acts, the other takes over in time, and nothing happens twice."""

from __future__ import annotations

import asyncio
import signal
import time
from typing import Any

from aiohttp import web


async def seconds_until_leading(replica: Any, eventually: Any, most: float) -> float:
    started = time.monotonic()
    await eventually(replica.leads, most)
    return time.monotonic() - started


async def test_one_of_two_leads_and_says_so(world: Any) -> None:
    first = await world.leader("a")
    second = await world.replica("b")
    await asyncio.sleep(3)
    assert (await world.lease())["spec"]["holderIdentity"] == "a"
    assert await first.leads()
    assert (await second.ask("/readyz")) == (200, '{"ready": true, "leading": false, "silent": []}')
    assert "penstock_leader 0.0" in (await second.ask("/metrics"))[1]
    await world.create("digits")
    await world.comes_to("digits", "Running")
    assert second.proxy.writes() == []


async def test_a_leader_that_is_stopped_hands_over_at_once(world: Any, eventually: Any) -> None:
    first = await world.leader("a")
    second = await world.replica("b")
    await eventually(lambda: ready(second))
    first.signal(signal.SIGTERM)
    assert await seconds_until_leading(second, eventually, 10) < 3
    assert await first.ended() == 0
    assert (await world.lease())["spec"]["holderIdentity"] == "b"


async def test_a_leader_that_is_killed_is_followed_within_the_lease_time(world: Any, eventually: Any) -> None:
    first = await world.leader("a")
    second = await world.replica("b")
    await eventually(lambda: ready(second))
    world.ray.slow = 2
    for number in range(5):
        await world.create(f"job-{number}")

    async def submitting() -> bool:
        return len(world.ray.accepted) == 5

    await eventually(submitting)
    first.signal(signal.SIGKILL)
    # The lease holds for 4 s in these tests.
    assert 2 < await seconds_until_leading(second, eventually, 20) < 8
    for number in range(5):
        await world.comes_to(f"job-{number}", "Running")
    assert len(world.ray.accepted) == len(set(world.ray.posts)) == 5


async def test_a_replica_that_dies_while_it_submits_submits_nothing_twice(world: Any, eventually: Any) -> None:
    """Killed ever later in the life of its jobs, and started again each time."""
    for life in range(6):
        replica = await world.leader("a")
        for number in range(4):
            await world.create(f"job-{life}-{number}")
        await asyncio.sleep(0.03 * life)
        replica.signal(signal.SIGKILL)
        await replica.ended()
    await world.leader("a")
    for life in range(6):
        for number in range(4):
            await world.comes_to(f"job-{life}-{number}", "Running")
    assert len(world.ray.accepted) == len(set(world.ray.accepted)) == 24


async def test_a_leader_whose_lease_is_taken_ends_and_writes_nothing_more(world: Any) -> None:
    replica = await world.leader("a")
    await world.create("digits")
    await world.comes_to("digits", "Running")
    lease = await world.lease()
    lease["spec"]["holderIdentity"] = "thief"
    path = f"/apis/coordination.k8s.io/v1/namespaces/{world.namespace}/leases/penstock-operator"
    status, _ = await world.call("PUT", path, lease)
    assert status == 200
    assert await replica.ended(5) == 1
    assert (await world.lease())["spec"]["holderIdentity"] == "thief"
    before = (await world.job("digits"))["metadata"]["resourceVersion"]
    world.ray.finish(world.ray.accepted[0])
    await asyncio.sleep(2)
    assert (await world.job("digits"))["metadata"]["resourceVersion"] == before


async def test_a_leader_that_is_cut_off_stops_before_another_may_start(world: Any, eventually: Any) -> None:
    first = await world.leader("a")
    second = await world.replica("b")
    await eventually(lambda: ready(second))

    async def cut(request: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response(status=504)

    first.proxy.fault = cut
    ended = asyncio.create_task(first.ended(10))
    led = asyncio.create_task(eventually(second.leads, 20))
    done, _ = await asyncio.wait([ended, led], return_when=asyncio.FIRST_COMPLETED)
    assert done == {ended}
    assert await ended == 1
    await led


async def test_a_leader_that_slept_past_its_lease_ends_without_a_write(world: Any, eventually: Any) -> None:
    first = await world.leader("a")
    second = await world.replica("b")
    await eventually(lambda: ready(second))
    await world.create("digits")
    await world.comes_to("digits", "Running")
    first.signal(signal.SIGSTOP)
    await eventually(second.leads, 20)
    await world.create("later")
    await world.comes_to("later", "Running")
    before = len(first.proxy.writes("leases"))
    first.signal(signal.SIGCONT)
    assert await first.ended(10) == 1
    assert len(first.proxy.writes("leases")) == before
    assert len(world.ray.accepted) == 2


async def ready(replica: Any) -> bool:
    return (await replica.ask("/readyz"))[0] == 200
