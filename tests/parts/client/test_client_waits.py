"""Watching, waiting and promoting against the embedded API, with the test as the operator."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import history
import pytest

from penstock.api import Materialization, StagedRun, TrainingJob, TrainingRun
from penstock.api.trainingjob import RERUN_ANNOTATION
from penstock.client import AsyncClient, errors
from penstock_operator.local.apiserver import changelog

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
    monkeypatch.setattr(changelog, "KEPT_CHANGES", 3)

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


@pytest.mark.parametrize("reason", ["GateFailed", "InvalidOutput", "StagingFailed", "DeadlineExceeded", "DataLost"])
async def test_a_wait_for_a_staged_run_stops_at_its_end(client: AsyncClient, world: Any, reason: str) -> None:
    await make(client, "Materialization")
    history.stage(world, "r-1", "Staging")
    waiting = asyncio.create_task(client.wait(StagedRun, "digits-r-1", "Ready", timeout=20))
    await asyncio.sleep(0.1)
    history.state(world, "r-1", "BackingOff", truth="Unknown")
    await asyncio.sleep(0.1)
    assert not waiting.done()
    history.state(world, "r-1", reason, truth="False")
    with pytest.raises(errors.WaitFailed, match=f"Ready is False \\({reason}\\)"):
        await waiting


async def test_a_run_is_ready_as_soon_as_it_is_there(client: AsyncClient, world: Any) -> None:
    history.train(world, "r-1")
    run = await client.wait(TrainingRun, "r-1", "Ready", timeout=5)
    assert run is not None
    assert (run.spec.training_job_ref.name, run.status.served_by) == ("digits", [])


async def test_runs_are_listed_as_they_were_trained_and_staged(client: AsyncClient, world: Any) -> None:
    await make(client, "Materialization")
    for run in ("r-10", "r-9"):
        history.train(world, run, created=f"2026-01-{run[2:]:0>2}T00:00:00Z")
    history.train(world, "other-1", job="other")
    history.stage(world, "r-9")
    history.stage(world, "r-1", materialization="other")
    assert [run.metadata.name for run in await client.runs("digits")] == ["r-9", "r-10"]
    assert [one.metadata.name for one in await client.staged_runs("digits")] == ["digits-r-9"]


async def test_promotion_is_one_write_of_the_pin(client: AsyncClient, world: Any) -> None:
    await make(client, "Materialization")
    with pytest.raises(errors.NotPossible, match="no staged run"):
        await client.promote("digits")
    with pytest.raises(errors.NotPossible, match="no previous run"):
        await client.rollback("digits")
    for run, reason in (("r-2", "Staged"), ("r-1", "Staged"), ("r-3", "GateFailed"), ("r-4", "Staging")):
        trained = f"2026-01-0{run[-1]}T00:00:00Z"
        history.train(world, run, created=trained)
        history.stage(world, run, reason, trained=trained)
    history.train(world, "r-5", created="2026-01-05T00:00:00Z")
    history.serve(world, "r-2", previous="r-1")
    assert (await client.rollback("digits")).spec.pinned_run == "r-1"
    assert (await client.promote("digits", run="r-2")).spec.pinned_run == "r-2"
    assert (await client.promote("digits")).spec.pinned_run is None
    # What is not staged yet is, once it is pinned.
    for run in ("r-4", "r-5"):
        assert (await client.promote("digits", run=run)).spec.pinned_run == run
    with pytest.raises(errors.NotPossible, match="'r-3' was refused by materialization/digits: stagedrun/digits-r-3"):
        await client.promote("digits", run="r-3")
    with pytest.raises(errors.NotPossible, match=r"Job 'digits' has no run 'r-6'.*\(r-1, r-2, r-3, r-4, r-5\)"):
        await client.promote("digits", run="r-6")
    with pytest.raises(errors.NotPossible, match=r"r-3.*is not staged.*\(r-1, r-2\)"):
        await client.rollback("digits", run="r-3")
    await make(client, "Materialization", promotion="Manual")
    # r-1 was staged after r-2, which was trained after it.
    assert (await client.promote("digits")).spec.pinned_run == "r-2"


async def test_what_another_materialization_of_the_name_staged_cannot_be_served(
    client: AsyncClient, world: Any
) -> None:
    await make(client, "Materialization")
    history.stage(world, "r-1", uid="of-a-deleted-one")
    with pytest.raises(errors.NotPossible, match=r"'r-1'.*is not staged.*\(none\)"):
        await client.rollback("digits", run="r-1")
    with pytest.raises(errors.NotPossible, match="no staged run"):
        await client.promote("digits")


async def test_a_rollback_to_what_is_gone_says_so(client: AsyncClient, world: Any) -> None:
    await make(client, "Materialization")
    history.stage(world, "r-2")
    history.serve(world, "r-2", previous="r-1")
    with pytest.raises(errors.NotPossible, match=r"cannot go back to run 'r-1'.*'digits-r-1' is gone.*\(r-2\)"):
        await client.rollback("digits")
    assert "pinnedRunRef" not in world.get("Materialization", "digits")["spec"]


async def test_a_decision_is_made_anew_when_the_object_changed_meanwhile(
    client: AsyncClient, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make(client, "Materialization")
    for run in ("a", "b", "c"):
        history.stage(world, run)
    history.serve(world, "c", previous="a")
    read = client._session.document

    async def read_then_lose(*of: Any) -> Any:
        found = await read(*of)
        if found["status"]["previous"]["run"] == "a":
            history.serve(world, "c", previous="b")
        return found

    monkeypatch.setattr(client._session, "document", read_then_lose)
    assert (await client.rollback("digits")).spec.pinned_run == "b"


async def test_wait_served(client: AsyncClient, world: Any) -> None:
    await make(client, "Materialization")
    waiting = asyncio.create_task(client.wait_served("digits", "r-2", timeout=5))
    await asyncio.sleep(0.1)
    history.serve(world, "r-2")
    served = (await waiting).status.active
    assert served is not None
    assert served.run == "r-2"
    history.serve(world, "r-2", latest="r-3", conditions={"Staged": ("False", "GateFailed", "gate rows: 3")})
    with pytest.raises(errors.WaitFailed, match="r-3 was refused \\(GateFailed\\): gate rows: 3"):
        await client.wait_served("digits", "r-3", timeout=5)
    with pytest.raises(errors.WaitTimeout):
        await client.wait_served("digits", "r-4", timeout=0.2)


async def test_a_watch_outlives_a_restart_of_the_api(client: AsyncClient, world: Any) -> None:
    await make(client, "TrainingJob")
    waiting = asyncio.create_task(client.wait(TrainingJob, "digits", "Succeeded", timeout=20))
    await asyncio.sleep(0.2)
    await asyncio.to_thread(world.restart)
    world.status("TrainingJob", "digits", conditions={"Succeeded": ("True", "Completed", "")})
    assert await waiting
