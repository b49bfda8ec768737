"""Watching, waiting and promoting against the embedded API, with the test as the operator."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from penstock.api import Materialization, TrainingJob
from penstock.api.trainingjob import RERUN_ANNOTATION
from penstock.client import AsyncClient, errors
from penstock_operator.local.apiserver import store as local_store

API = "penstock.dev/v1alpha1"
JOB = {"source": {"type": "Path", "path": "/code"}, "entrypoint": "train.py"}
MAT = {
    "trainingJobRef": {"name": "digits"},
    "gates": [],
    "features": [{"name": "digit-features", "output": "features", "featureViewRef": {"name": "digit-features"}}],
}


async def make(client: AsyncClient, kind: str, **spec: Any) -> None:
    base = JOB if kind == "TrainingJob" else MAT
    body = {"apiVersion": API, "kind": kind, "metadata": {"name": "digits"}, "spec": {**base, **spec}}
    await client.apply(body)


def runs(**states: str) -> list[dict[str, Any]]:
    return [{"run": run, "state": state, "uri": "file:///r"} for run, state in states.items()]


async def test_a_watch_sees_what_is_and_what_changes(client: AsyncClient) -> None:
    await make(client, "TrainingJob")
    seen: list[tuple[str, bool]] = []
    async with aclosing(client.watch(TrainingJob, "digits")) as changes:
        async for change in changes:
            seen.append((change.type, change.resource.spec.suspend))
            if change.type == "ADDED":
                await client.suspend(TrainingJob, "digits")
                await client.apply({"apiVersion": API, "kind": "TrainingJob", "metadata": {"name": "b"}, "spec": JOB})
            elif change.type == "MODIFIED":
                await client.delete(TrainingJob, "digits")
            else:
                break
    assert seen == [("ADDED", False), ("MODIFIED", True), ("DELETED", True)]


async def test_a_watch_lists_again_when_the_log_of_changes_is_gone(
    client: AsyncClient, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make(client, "TrainingJob")
    monkeypatch.setattr(local_store, "KEPT_CHANGES", 3)

    def flood(store: Any) -> None:
        # In one turn of the server's loop, so that the watch cannot keep up.
        for number in range(10):
            obj = store.get("TrainingJob", "default", "digits")
            store.update({**obj, "spec": {**obj["spec"], "historyLimit": number + 1}})
        store.delete("TrainingJob", "default", "digits")
        other = {**obj, "metadata": {"name": "other", "namespace": "default"}}
        store.create(other)

    seen = []
    async with aclosing(client.watch(TrainingJob)) as changes:
        async for change in changes:
            seen.append((change.type, change.resource.metadata.name))
            if len(seen) == 1:
                await asyncio.sleep(0.2)
                world.do(flood)
            if seen[-1] == ("ADDED", "other"):
                break
    assert seen == [("ADDED", "digits"), ("DELETED", "digits"), ("ADDED", "other")]


async def test_wait_returns_when_met_and_ignores_what_was_said_of_the_spec_before(
    client: AsyncClient, world: Any
) -> None:
    await make(client, "TrainingJob")
    world.status("TrainingJob", "digits", conditions={"Succeeded": ("True", "Completed", "")})
    assert await client.wait(TrainingJob, "digits", "Succeeded", timeout=5)
    await client.rerun("digits")
    with pytest.raises(errors.WaitTimeout, match="Succeeded=True did not come within"):
        await client.wait(TrainingJob, "digits", "Succeeded", timeout=0.3)
    waiting = asyncio.create_task(client.wait(TrainingJob, "digits", "Succeeded", timeout=5))
    await asyncio.sleep(0.2)
    token = world.get("TrainingJob", "digits")["metadata"]["annotations"][RERUN_ANNOTATION]
    answered = {"conditions": {"Succeeded": ("True", "Completed", "")}, "observedRerunToken": token}
    world.status("TrainingJob", "digits", **answered, latestRun="r-2")
    done = await waiting
    assert done is not None
    assert done.status.latest_run == "r-2"


@pytest.mark.parametrize(
    ("kind", "awaited", "type_", "reason"),
    [
        ("TrainingJob", "Succeeded", "Succeeded", "AttemptsExhausted"),
        ("TrainingJob", "Succeeded", "Succeeded", "InvalidSource"),
        ("Materialization", "Promoted=True", "Staged", "GateFailed"),
        ("Materialization", "Staged", "Staged", "InvalidOutput"),
    ],
)
async def test_wait_stops_at_an_end(
    client: AsyncClient, world: Any, kind: str, awaited: str, type_: str, reason: str
) -> None:
    cls: Any = {"TrainingJob": TrainingJob, "Materialization": Materialization}[kind]
    await make(client, kind)
    waiting = asyncio.create_task(client.wait(cls, "digits", awaited, timeout=20))
    await asyncio.sleep(0.1)
    world.status(kind, "digits", conditions={type_: ("False", reason, "the value is 3")})
    with pytest.raises(errors.WaitFailed, match=f"{type_} is False \\({reason}\\): the value is 3") as failed:
        await waiting
    assert failed.value.condition is not None
    assert failed.value.resource is not None


async def test_wait_goes_on_through_a_retry_and_ends_with_the_object(client: AsyncClient, world: Any) -> None:
    await make(client, "TrainingJob")
    world.status("TrainingJob", "digits", conditions={"Succeeded": ("Unknown", "BackingOff", "again")})
    waiting = asyncio.create_task(client.wait(TrainingJob, "digits", "Succeeded", timeout=20))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    await client.delete(TrainingJob, "digits")
    with pytest.raises(errors.WaitFailed, match="was deleted"):
        await waiting
    with pytest.raises(errors.NotFound):
        await client.wait(TrainingJob, "digits", "Succeeded")


async def test_promotion_is_one_write_of_the_pin(client: AsyncClient, world: Any) -> None:
    await make(client, "Materialization")
    with pytest.raises(errors.NotPossible, match="no staged run"):
        await client.promote("digits")
    with pytest.raises(errors.NotPossible, match="no previous run"):
        await client.rollback("digits")
    history = runs(**{"r-1": "Staged", "r-2": "Staged", "r-3": "Rejected"})
    world.status("Materialization", "digits", runs=history, previousRun="r-1", activeRun="r-2")
    assert (await client.rollback("digits")).spec.pinned_run == "r-1"
    assert (await client.promote("digits", run="r-2")).spec.pinned_run == "r-2"
    assert (await client.promote("digits")).spec.pinned_run is None
    with pytest.raises(errors.NotPossible, match=r"r-3.*is not staged.*r-1, r-2"):
        await client.promote("digits", run="r-3")
    await make(client, "Materialization", promotion="Manual")
    assert (await client.promote("digits")).spec.pinned_run == "r-2"


async def test_a_decision_is_made_anew_when_the_object_changed_meanwhile(
    client: AsyncClient, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make(client, "Materialization")
    world.status("Materialization", "digits", runs=runs(a="Staged", b="Staged"), previousRun="a")
    read = client.get

    async def read_then_lose(kind: Any, name: str, **options: Any) -> Any:
        found = await read(kind, name, **options)
        if found.status.previous_run == "a":
            world.status("Materialization", "digits", runs=runs(a="Staged", b="Staged"), previousRun="b")
        return found

    monkeypatch.setattr(client, "get", read_then_lose)
    assert (await client.rollback("digits")).spec.pinned_run == "b"


async def test_wait_served(client: AsyncClient, world: Any) -> None:
    await make(client, "Materialization")
    waiting = asyncio.create_task(client.wait_served("digits", "r-2", timeout=5))
    await asyncio.sleep(0.1)
    world.status("Materialization", "digits", activeRun="r-2")
    assert (await waiting).status.active_run == "r-2"
    world.status("Materialization", "digits", runs=runs(**{"r-3": "Rejected"}))
    with pytest.raises(errors.WaitFailed, match="r-3 was refused"):
        await client.wait_served("digits", "r-3", timeout=5)


async def test_a_watch_outlives_a_restart_of_the_api(client: AsyncClient, world: Any) -> None:
    await make(client, "TrainingJob")
    waiting = asyncio.create_task(client.wait(TrainingJob, "digits", "Succeeded", timeout=20))
    await asyncio.sleep(0.2)
    await asyncio.to_thread(world.restart)
    world.status("TrainingJob", "digits", conditions={"Succeeded": ("True", "Completed", "")})
    assert await waiting
