"""A job's whole life under one replica, seen on the API server."""

from __future__ import annotations

from typing import Any


async def test_a_job_lives_with_few_writes_and_one_submission(world: Any) -> None:
    replica = await world.leader()
    await world.create("digits")
    await world.comes_to("digits", "Running")
    job = await world.job("digits")
    (submission,) = world.ray.accepted
    assert job["metadata"]["finalizers"] == ["penstock.dev/finalizer"]
    assert [attempt["state"] for attempt in job["status"]["attempts"]] == ["Running"]
    assert len(replica.proxy.writes("leases")) <= 3, replica.proxy.writes("leases")
    world.ray.finish(submission)
    await world.comes_to("digits", "Completed")
    assert len(replica.proxy.writes("leases", "events")) <= 5, replica.proxy.writes("leases")
