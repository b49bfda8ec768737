"""Which objects the operator acts on, and what becomes of odd ones."""

from __future__ import annotations

import asyncio
from typing import Any

from penstock.api import KINDS


async def test_a_namespaced_replica_leaves_other_namespaces_alone(world: Any) -> None:
    replica = await world.leader()
    other = f"{world.namespace}-other"
    await world.call("POST", "/api/v1/namespaces", {"metadata": {"name": other}})
    mine, world.namespace = world.namespace, other
    await world.create("theirs")
    world.namespace = mine
    await world.create("ours")
    await world.comes_to("ours", "Running")
    await asyncio.sleep(3)
    world.namespace = other
    assert (await world.job("theirs"))["status"]["observedGeneration"] == 0
    assert len(world.ray.accepted) == 1
    assert not any(f"/{other}/" in path for _, path in replica.proxy.calls)


async def test_a_replica_for_all_namespaces_acts_in_each(world: Any) -> None:
    await world.leader(clusterwide=True)
    await world.create("here")
    await world.comes_to("here", "Running")


async def test_a_deleted_job_is_stopped_forgotten_and_gone(world: Any, eventually: Any) -> None:
    await world.leader()
    await world.create("digits")
    await world.comes_to("digits", "Running")
    (submission,) = world.ray.accepted
    status, _ = await world.call(
        "DELETE", f"/apis/penstock.dev/v1alpha1/namespaces/{world.namespace}/trainingjobs/digits"
    )
    assert status == 200

    async def gone() -> bool:
        return await world.job("digits") is None

    await eventually(gone)
    assert submission not in world.ray.states


async def test_settled_objects_cost_a_restarted_replica_no_write(world: Any, eventually: Any) -> None:
    first = await world.leader("a")
    for number in range(20):
        await world.create(f"job-{number}")
    for number in range(20):
        await world.comes_to(f"job-{number}", "Running")
    for submission in world.ray.accepted:
        world.ray.finish(submission)
    for number in range(20):
        await world.comes_to(f"job-{number}", "Completed")
    first.signal(15)
    await first.ended()
    second = await world.leader("a")

    async def settled() -> bool:
        text = (await second.ask("/metrics"))[1]
        return "penstock_queue_depth 0.0" in text and passes(text) >= 20

    await eventually(settled)
    await asyncio.sleep(1)
    assert second.proxy.writes("leases") == []


def passes(text: str) -> float:
    lines = [line for line in text.splitlines() if line.startswith("penstock_reconcile_total{")]
    assert all('outcome="success"' in line for line in lines), lines
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


async def test_definitions_that_come_later_are_watched(own_world: Any) -> None:
    world, _ = own_world
    for clusterwide in (False, True):
        replica = await world.leader(clusterwide=clusterwide)
        if not clusterwide:
            await asyncio.sleep(1)
            await world.define(*KINDS.values())
        await world.create(f"job-{clusterwide}".lower())
        await world.comes_to(f"job-{clusterwide}".lower(), "Running", 40)
        assert replica.process.poll() is None
        replica.signal(15)
        await replica.ended()


async def test_an_object_of_another_schema_harms_no_other(own_world: Any, eventually: Any) -> None:
    world, _ = own_world
    await world.define(*KINDS.values(), colour={"type": "string"})
    await world.leader()
    await world.create("odd", colour="red")
    await world.create("even")
    await world.comes_to("even", "Running")

    async def shown() -> bool:
        conditions = (await world.job("odd")).get("status", {}).get("conditions", [])
        return any(one["reason"] == "InvalidObject" and "colour" in one["message"] for one in conditions)

    await eventually(shown)
    assert len(world.ray.accepted) == 1
