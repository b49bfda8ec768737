"""The catalog: what is live changes by one assignment, and only when the next run is whole."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from penstock.api.materialization import Materialization, RunState
from penstock.gateway import catalog as module
from penstock.gateway.bundle import Bundle
from penstock.gateway.catalog import WARM, Catalog
from penstock.gateway.errors import NotServed, Unavailable

NOW = datetime(2026, 1, 1, tzinfo=UTC).isoformat()


class Loader:
    """Loads bundles that hold nothing; fails, or waits, for the runs that it is told to."""

    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.broken: set[str] = set()
        self.slow: set[str] = set()
        self.gate = asyncio.Event()
        self.gate.set()

    async def load(self, namespace: str, run: str, uri: str, outputs: Sequence[Any]) -> Bundle:
        self.loaded.append(run)
        await self.gate.wait()
        while run in self.slow:
            await asyncio.sleep(0)
        if run in self.broken:
            raise OSError(f"{uri} is away")
        return Bundle(run, {}, {}, {})


def mat(
    active: str | None, *kept: str, uid: str = "u", rejected: Sequence[str] = (), physical: str = "images__a"
) -> Materialization:
    outputs = [{"output": "o", "kind": "Embeddings", "resource": "images", "store": "milvus", "physical": physical}]
    runs: list[dict[str, Any]] = [
        {"run": run, "state": "Staged", "uri": f"file:///{run}", "outputs": outputs} for run in kept
    ]
    runs += [{"run": run, "state": "Rejected", "uri": f"file:///{run}"} for run in rejected]
    pointer = {"run": active, "uri": f"file:///{active}", "switchedAt": NOW, "outputs": outputs} if active else None
    return Materialization.model_validate(
        {
            "kind": "Materialization",
            "metadata": {"name": "m", "namespace": "default", "uid": uid},
            "spec": {"trainingJobRef": {"name": "j"}, "gates": []},
            "status": {"active": pointer, "runs": runs},
        }
    )


async def live(catalog: Catalog) -> str:
    return (await catalog.bundle("default", "m")).run


async def until(catalog: Catalog, run: str) -> None:
    async with asyncio.timeout(2):
        while True:
            try:
                if await live(catalog) == run:
                    return
            except Unavailable:
                pass
            await asyncio.sleep(0)


@pytest.fixture
async def loader() -> Loader:
    return Loader()


@pytest.fixture
async def catalog(loader: Loader, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(module, "FIRST_WAIT", 0.001)
    catalog = Catalog(loader)
    yield catalog
    await catalog.close()


async def test_nothing_is_answered_before_a_run_is_live_and_an_unknown_name_is_told(catalog: Catalog) -> None:
    with pytest.raises(Unavailable, match="whether there is a materialization default/m: the Kubernetes API has not"):
        await catalog.bundle("default", "m")
    catalog.problem = "the gateway may not list materializations"
    with pytest.raises(Unavailable, match="default/m: the gateway may not list"):
        await catalog.bundle("default", "m")
    catalog.synced, catalog.problem = True, ""
    with pytest.raises(NotServed, match="default/m is known here: GET /v1 lists"):
        await catalog.bundle("default", "m")
    catalog.follow(mat(None))
    with pytest.raises(Unavailable, match="penstock describe materialization m"):
        await catalog.bundle("default", "m")
    assert catalog.unready() is None


async def test_the_old_run_answers_until_the_new_one_is_whole(catalog: Catalog, loader: Loader) -> None:
    catalog.follow(mat("a", "a"))
    await until(catalog, "a")
    loader.gate.clear()
    catalog.follow(mat("b", "a", "b"))
    await asyncio.sleep(0.01)
    assert loader.loaded == ["a", "b"]
    assert await live(catalog) == "a"
    loader.gate.set()
    await until(catalog, "b")


async def test_a_run_that_cannot_be_loaded_leaves_the_old_one_and_is_tried_again(
    catalog: Catalog, loader: Loader
) -> None:
    catalog.follow(mat("a", "a"))
    await until(catalog, "a")
    loader.broken.add("b")
    catalog.follow(mat("b", "a", "b"))
    await asyncio.sleep(0.02)
    assert await live(catalog) == "a"
    assert loader.loaded.count("b") > 1
    assert "file:///b is away" in catalog.entry("default", "m").problem
    loader.broken.clear()
    await until(catalog, "b")
    assert catalog.entry("default", "m").problem == ""


async def test_a_first_run_that_cannot_be_loaded_is_told_with_the_cause(catalog: Catalog, loader: Loader) -> None:
    loader.broken.add("a")
    catalog.follow(mat("a", "a"))
    await asyncio.sleep(0.01)
    with pytest.raises(Unavailable, match="run a cannot be loaded: file:///a is away"):
        await catalog.bundle("default", "m")
    assert catalog.problems() == ["default/m: run a cannot be loaded: file:///a is away"]


async def test_a_rollback_goes_to_a_warm_run(catalog: Catalog, loader: Loader) -> None:
    for active in ("a", "b", "a", "b", "a"):
        catalog.follow(mat(active, "a", "b"))
        await until(catalog, active)
    assert loader.loaded == ["a", "b"]


async def test_the_same_run_with_other_outputs_is_loaded_again(catalog: Catalog, loader: Loader) -> None:
    catalog.follow(mat("a", "a"))
    await until(catalog, "a")
    before = await catalog.bundle("default", "m")
    loader.gate.clear()
    catalog.follow(mat("a", "a", physical="images__a_r1"))
    await asyncio.sleep(0.01)
    assert await catalog.bundle("default", "m") is before
    loader.gate.set()
    async with asyncio.timeout(2):
        while await catalog.bundle("default", "m") is before:
            await asyncio.sleep(0)
    assert loader.loaded == ["a", "a"]
    assert await catalog.bundle("default", "m", "a") is await catalog.bundle("default", "m")


async def test_a_pin_answers_from_a_kept_run_only(catalog: Catalog, loader: Loader) -> None:
    catalog.follow(mat("b", "a", "b", rejected=["r"]))
    await until(catalog, "b")
    assert (await catalog.bundle("default", "m", "a")).run == "a"
    assert await live(catalog) == "b"
    for run in ("r", "nope"):
        with pytest.raises(NotServed, match=f"keeps no run '{run}': it keeps a, b"):
            await catalog.bundle("default", "m", run)
    catalog.follow(mat("b", "b"))
    with pytest.raises(NotServed):
        await catalog.bundle("default", "m", "a")


async def test_a_run_that_retires_can_be_asked_for_until_its_grace_is_over(catalog: Catalog, loader: Loader) -> None:
    def retiring(seconds: float) -> Materialization:
        pointer = mat("c", "a", "b", "c")
        for record in pointer.status.runs[:2]:
            record.state = RunState.RETIRING
            record.retire_at = datetime.now(UTC) + timedelta(seconds=seconds)
        # Of a run that was staged twice, what stays goes before what retires.
        again = mat(None, "b", physical="images__b_r1").status.runs[0]
        pointer.status.runs.append(again)
        return pointer

    catalog.follow(retiring(60))
    await until(catalog, "c")
    assert (await catalog.bundle("default", "m", "a")).run == "a"
    assert catalog.entry("default", "m").kept["b"].version == ("b", "images__b_r1")
    catalog.follow(retiring(-1))
    with pytest.raises(NotServed, match="keeps no run 'a': it keeps c, b"):
        await catalog.bundle("default", "m", "a")


async def test_few_bundles_are_kept_warm(catalog: Catalog, loader: Loader) -> None:
    runs = [f"r{n}" for n in range(WARM + 3)]
    catalog.follow(mat(runs[0], *runs))
    await until(catalog, runs[0])
    for run in runs:
        await catalog.bundle("default", "m", run)
    assert len(catalog.entry("default", "m").warm) == WARM
    assert await live(catalog) == runs[0]
    assert await catalog.bundle("default", "m", runs[0]) is await catalog.bundle("default", "m")
    assert loader.loaded == runs


async def test_a_deleted_or_recreated_materialization_serves_nothing_of_the_old_one(
    catalog: Catalog, loader: Loader
) -> None:
    catalog.follow(mat("a", "a"))
    await until(catalog, "a")
    catalog.follow(mat(None, uid="other"))
    with pytest.raises(Unavailable):
        await catalog.bundle("default", "m")
    catalog.forget("default", "m")
    catalog.synced = True
    with pytest.raises(NotServed):
        await catalog.bundle("default", "m")


async def test_one_that_cannot_be_loaded_delays_no_other(catalog: Catalog, loader: Loader) -> None:
    loader.broken.add("a")
    catalog.follow(mat("a", "a"))
    other = mat("b", "b")
    catalog.follow(other.model_copy(update={"metadata": other.metadata.model_copy(update={"name": "n"})}))
    async with asyncio.timeout(2):
        while catalog.entry("default", "n").current is None:
            await asyncio.sleep(0)
    assert (await catalog.bundle("default", "n")).run == "b"


async def test_a_slow_pin_delays_neither_the_live_run_nor_another_pin_and_each_run_is_loaded_once(
    catalog: Catalog, loader: Loader
) -> None:
    loader.slow.add("a")
    catalog.follow(mat("b", "a", "b", "c", "d"))
    pinned = [asyncio.create_task(catalog.bundle("default", "m", "a")) for _ in range(3)]
    await asyncio.sleep(0)
    await until(catalog, "b")
    async with asyncio.timeout(1):
        assert (await catalog.bundle("default", "m", "c")).run == "c"
    catalog.follow(mat("d", "a", "b", "c", "d"))
    await until(catalog, "d")
    pinned[0].cancel()
    await asyncio.sleep(0)
    assert not any(task.done() for task in pinned[1:])
    loader.slow.clear()
    assert [(await task).run for task in pinned[1:]] == ["a", "a"]
    assert sorted(loader.loaded) == ["a", "b", "c", "d"]


async def test_a_slow_run_delays_no_newer_one_and_never_goes_live_after_it(catalog: Catalog, loader: Loader) -> None:
    catalog.follow(mat("a", "a"))
    await until(catalog, "a")
    loader.slow.add("b")
    catalog.follow(mat("b", "a", "b"))
    await asyncio.sleep(0.01)
    catalog.follow(mat("c", "a", "b", "c"))
    await until(catalog, "c")
    catalog.follow(mat("c", "c"))
    loader.slow.clear()
    for _ in range(20):
        await asyncio.sleep(0)
        assert await live(catalog) == "c"
    assert [run for run, *_ in catalog.entry("default", "m").warm] == ["c"]


async def test_the_start_waits_for_what_is_live_but_not_for_what_cannot_be_loaded(
    catalog: Catalog, loader: Loader
) -> None:
    assert catalog.unready() == "The Kubernetes API has not answered yet"
    catalog.problem = "The gateway may not list"
    assert catalog.unready() == "The gateway may not list"
    catalog.problem = ""
    loader.gate.clear()
    catalog.follow(mat("a", "a"))
    catalog.synced = True
    await asyncio.sleep(0.01)
    assert catalog.unready() == "Not loaded yet: default/m: loading"
    loader.broken.add("a")
    loader.gate.set()
    async with asyncio.timeout(2):
        while catalog.unready() is not None:
            await asyncio.sleep(0)
    assert loader.loaded.count("a") >= 3
    assert catalog.problems() == ["default/m: run a cannot be loaded: file:///a is away"]
    loader.gate.clear()
    other = mat("b", "b")
    catalog.follow(other.model_copy(update={"metadata": other.metadata.model_copy(update={"name": "n"})}))
    await asyncio.sleep(0)
    assert catalog.unready() is None
