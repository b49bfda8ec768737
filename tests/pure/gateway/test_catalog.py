"""The catalog: what is live changes by one assignment, and only when the next run is whole."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from gateway_runs import Runs

from penstock.api.materialization import Materialization
from penstock.gateway import keeper
from penstock.gateway.bundle import Bundle
from penstock.gateway.catalog import Catalog
from penstock.gateway.entry import WARM
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

    async def stores_digest(self, namespace: str, stores: object) -> str:
        return ""


def mat(active: str | None, uid: str = "u", staged_uid: str = "") -> Materialization:
    pointer = None
    if active is not None:
        ref = {"name": f"m-{active}", "uid": staged_uid or active}
        pointer = {"run": active, "stagedRunRef": ref, "uri": f"file:///{active}", "trainedAt": NOW, "switchedAt": NOW}
    return Materialization.model_validate(
        {
            "kind": "Materialization",
            "metadata": {"name": "m", "namespace": "default", "uid": uid},
            "spec": {"trainingJobRef": {"name": "j"}, "gates": []},
            "status": {"active": pointer},
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
def runs() -> Runs:
    return Runs()


@pytest.fixture
async def catalog(loader: Loader, runs: Runs, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(keeper, "FIRST_WAIT", 0.001)
    catalog = Catalog(loader, runs)
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
    catalog.follow(mat("a"))
    await until(catalog, "a")
    loader.gate.clear()
    catalog.follow(mat("b"))
    await asyncio.sleep(0.01)
    assert loader.loaded == ["a", "b"]
    assert await live(catalog) == "a"
    loader.gate.set()
    await until(catalog, "b")


async def test_a_run_that_cannot_be_loaded_leaves_the_old_one_and_is_tried_again(
    catalog: Catalog, loader: Loader
) -> None:
    catalog.follow(mat("a"))
    await until(catalog, "a")
    loader.broken.add("b")
    catalog.follow(mat("b"))
    await asyncio.sleep(0.02)
    assert await live(catalog) == "a"
    assert loader.loaded.count("b") > 1
    assert "file:///b is away" in catalog.entry("default", "m").problem
    loader.broken.clear()
    await until(catalog, "b")
    assert catalog.entry("default", "m").problem == ""


async def test_a_first_run_that_cannot_be_loaded_is_told_with_the_cause(catalog: Catalog, loader: Loader) -> None:
    loader.broken.add("a")
    catalog.follow(mat("a"))
    await asyncio.sleep(0.01)
    with pytest.raises(Unavailable, match="run a cannot be loaded: file:///a is away"):
        await catalog.bundle("default", "m")
    assert catalog.problems() == ["default/m: run a cannot be loaded: file:///a is away"]


async def test_a_rollback_goes_to_a_warm_run(catalog: Catalog, loader: Loader) -> None:
    for active in ("a", "b", "a", "b", "a"):
        catalog.follow(mat(active))
        await until(catalog, active)
    assert loader.loaded == ["a", "b"]


async def test_the_same_run_of_another_staging_is_loaded_again(catalog: Catalog, loader: Loader) -> None:
    catalog.follow(mat("a"))
    await until(catalog, "a")
    before = await catalog.bundle("default", "m")
    loader.gate.clear()
    catalog.follow(mat("a", staged_uid="again"))
    await asyncio.sleep(0.01)
    assert await catalog.bundle("default", "m") is before
    loader.gate.set()
    async with asyncio.timeout(2):
        while await catalog.bundle("default", "m") is before:
            await asyncio.sleep(0)
    assert loader.loaded == ["a", "a"]
    assert await catalog.bundle("default", "m", "a") is await catalog.bundle("default", "m")


async def test_a_pin_answers_from_a_kept_run_only(catalog: Catalog, runs: Runs) -> None:
    runs.keep("a", "b")
    runs.keep("r", state="Refused")
    runs.keep("foreign", owner="other")
    catalog.follow(mat("b"))
    await until(catalog, "b")
    assert runs.asked == 0, "pointers tell what is live"
    assert (await catalog.bundle("default", "m", "a")).run == "a"
    assert await live(catalog) == "b"
    for run in ("r", "foreign", "nope"):
        with pytest.raises(NotServed, match=f"keeps no run '{run}': it keeps a, b"):
            await catalog.bundle("default", "m", run)


async def test_a_run_that_is_no_longer_kept_is_let_go(catalog: Catalog, runs: Runs, loader: Loader) -> None:
    runs.keep("a", "b")
    catalog.follow(mat("b"))
    await until(catalog, "b")
    await catalog.bundle("default", "m", "a")
    entry = catalog.entry("default", "m")
    assert set(entry.warm) == {"a", "b"}
    runs.drop("a")
    await entry.pins.refresh(0)
    with pytest.raises(NotServed):
        await catalog.bundle("default", "m", "a")
    assert set(entry.warm) == {"b"}


async def test_a_run_that_retires_can_be_asked_for_until_its_grace_is_over(catalog: Catalog, runs: Runs) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=0.3)
    runs.keep("a", "c")
    runs.keep("b", uid="b1", retire_at=datetime.now(UTC) + timedelta(seconds=60))
    # Of a run that was staged twice, what stays goes before what is being deleted, in whatever order they come.
    runs.keep("b", uid="b2")
    runs.keep("b", uid="b0", retire_at=datetime.now(UTC) + timedelta(seconds=60))
    runs.drop("a")
    runs.keep("a", retire_at=soon)
    catalog.follow(mat("c"))
    await until(catalog, "c")
    assert (await catalog.bundle("default", "m", "a")).run == "a"
    assert catalog.entry("default", "m").kept()["b"].uid == "b2"
    await asyncio.sleep(0.3)
    with pytest.raises(NotServed, match="keeps no run 'a': it keeps c, b"):
        await catalog.bundle("default", "m", "a")
    assert "a" not in catalog.entry("default", "m").warm


async def test_few_bundles_are_kept_warm(catalog: Catalog, loader: Loader, runs: Runs) -> None:
    names = [f"r{n}" for n in range(WARM + 3)]
    runs.keep(*names)
    catalog.follow(mat(names[0]))
    await until(catalog, names[0])
    for run in names:
        await catalog.bundle("default", "m", run)
    assert len(catalog.entry("default", "m").warm) == WARM
    assert await live(catalog) == names[0]
    assert await catalog.bundle("default", "m", names[0]) is await catalog.bundle("default", "m")
    assert loader.loaded == names


async def test_a_deleted_or_recreated_materialization_serves_nothing_of_the_old_one(
    catalog: Catalog, loader: Loader
) -> None:
    catalog.follow(mat("a"))
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
    catalog.follow(mat("a"))
    other = mat("b")
    catalog.follow(other.model_copy(update={"metadata": other.metadata.model_copy(update={"name": "n"})}))
    async with asyncio.timeout(2):
        while catalog.entry("default", "n").current is None:
            await asyncio.sleep(0)
    assert (await catalog.bundle("default", "n")).run == "b"


async def test_a_slow_pin_delays_neither_the_live_run_nor_another_pin_and_each_run_is_loaded_once(
    catalog: Catalog, loader: Loader, runs: Runs
) -> None:
    runs.keep("a", "b", "c", "d")
    loader.slow.add("a")
    catalog.follow(mat("b"))
    pinned = [asyncio.create_task(catalog.bundle("default", "m", "a")) for _ in range(3)]
    await asyncio.sleep(0)
    await until(catalog, "b")
    async with asyncio.timeout(1):
        assert (await catalog.bundle("default", "m", "c")).run == "c"
    catalog.follow(mat("d"))
    await until(catalog, "d")
    pinned[0].cancel()
    await asyncio.sleep(0)
    assert not any(task.done() for task in pinned[1:])
    loader.slow.clear()
    assert [(await task).run for task in pinned[1:]] == ["a", "a"]
    assert sorted(loader.loaded) == ["a", "b", "c", "d"]


async def test_a_slow_run_delays_no_newer_one_and_never_goes_live_after_it(catalog: Catalog, loader: Loader) -> None:
    catalog.follow(mat("a"))
    await until(catalog, "a")
    loader.slow.add("b")
    catalog.follow(mat("b"))
    await asyncio.sleep(0.01)
    catalog.follow(mat("c"))
    await until(catalog, "c")
    catalog.follow(mat("c"))
    loader.slow.clear()
    for _ in range(20):
        await asyncio.sleep(0)
        assert await live(catalog) == "c"
    assert catalog.entry("default", "m").uid == "c"


async def test_the_start_waits_for_what_is_live_but_not_for_what_cannot_be_loaded(
    catalog: Catalog, loader: Loader
) -> None:
    assert catalog.unready() == "The Kubernetes API has not answered yet"
    catalog.problem = "The gateway may not list"
    assert catalog.unready() == "The gateway may not list"
    catalog.problem = ""
    loader.gate.clear()
    catalog.follow(mat("a"))
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
    other = mat("b")
    catalog.follow(other.model_copy(update={"metadata": other.metadata.model_copy(update={"name": "n"})}))
    await asyncio.sleep(0)
    assert catalog.unready() is None
