"""An API whose watches go silent: they are opened anew, and until then it shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from fake_api import FakeApi

from penstock.kubeapi.context import Context
from penstock_operator.kubernetes import watching
from penstock_operator.kubernetes.api import Api
from penstock_operator.kubernetes.audit import Audit, Timing
from penstock_operator.kubernetes.cache import Cache
from penstock_operator.kubernetes.metrics import Metrics
from penstock_operator.kubernetes.server import Vitals, listening
from penstock_operator.kubernetes.watching import Watch
from penstock_operator.loop.queue import KeyQueue, Result

KIND = "VectorStore"
QUIET = 0.6


class Lease:
    leading = False


@dataclass
class World:
    api: FakeApi
    cache: Cache
    watch: Watch
    audit: Audit
    pages: httpx2.AsyncClient

    def knows(self, name: str) -> bool:
        return self.cache.get(KIND, "default", name) is not None

    async def metric(self, name: str) -> float:
        lines = (await self.pages.get("/metrics")).text.splitlines()
        return float(next(line for line in lines if line.startswith(name)).split()[-1])

    async def status(self, path: str) -> int:
        return (await self.pages.get(path)).status_code


async def until(holds: Callable[[], Any], seconds: float = 15) -> None:
    async with asyncio.timeout(seconds):
        while not (await found if asyncio.iscoroutine(found := holds()) else found):
            await asyncio.sleep(0.02)


async def idle(_: Any) -> Result:
    return Result()


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(watching, "LISTEN_SECONDS", 0.02)
    cache = Cache([KIND])
    async with FakeApi().running() as fake:
        context = Context({"server": fake.url})
        watch = Watch(context, cache, ["default"])
        async with Api(context) as api:
            audit = Audit(api, cache, watch, ["default"], Timing(every=0.3, grace=0.2, quiet=QUIET))
            metrics = Metrics(cache, Lease())  # type: ignore[arg-type]
            metrics.watch_queue(KeyQueue(idle), lambda: audit.oldest)
            metrics.watch_watches(watch.streams.silent, audit.missed)
            vitals = Vitals(audit, Lease(), metrics)  # type: ignore[arg-type]
            async with (
                listening(vitals, "127.0.0.1", 0) as port,
                httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as pages,
            ):
                await audit.fill()
                running = asyncio.create_task(watch.run())
                await until(lambda: fake.opened)
                yield World(fake, cache, watch, audit, pages)
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)


async def test_bookmarks_alone_are_a_sign_of_life(world: World) -> None:
    await asyncio.sleep(2 * QUIET)
    assert await world.metric('penstock_watch_silent_seconds{kind="VectorStore"}') < QUIET
    assert (world.api.opened, world.audit.quiet, await world.status("/readyz")) == (1, [], 200)


async def test_a_silent_line_is_left_for_a_new_one_which_brings_what_was_missed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As kopf was told them when it began: an inactivity of 35 s would be long for a test.
    monkeypatch.setattr(watching, "QUIET_SECONDS", 0.3)
    world.watch.again()
    await until(lambda: world.api.opened == 2)
    world.api.silent = True
    world.api.create("missed")
    await asyncio.sleep(0.2)
    world.api.silent = False
    await until(lambda: world.knows("missed"))
    assert world.api.opened >= 3


async def test_silence_shows_while_it_lasts(world: World) -> None:
    world.api.silent = True
    await until(lambda: world.audit.quiet)
    assert await world.metric('penstock_watch_silent_seconds{kind="VectorStore"}') > QUIET
    answer = await world.pages.get("/readyz")
    assert (answer.status_code, answer.json()["silent"]) == (503, [KIND])
    world.api.silent = False
    world.watch.again()
    await until(lambda: not world.audit.quiet)
    assert await world.status("/readyz") == 200


async def test_the_audit_opens_silent_watches_anew_though_nothing_was_missed(world: World) -> None:
    world.api.silent = True
    auditing = asyncio.create_task(world.audit.run())
    before = world.api.opened
    await until(lambda: world.api.opened > before)

    async def red() -> bool:
        return await world.status("/healthz") == 503

    await until(red)
    assert world.audit.dead == [KIND]
    auditing.cancel()


async def test_what_the_watch_did_not_bring_is_old_until_the_audit_has_mended_it(world: World) -> None:
    world.api.silent = True
    await until(lambda: world.audit.quiet)
    world.api.create("missed", (datetime.now(UTC) - timedelta(seconds=40)).strftime("%Y-%m-%dT%H:%M:%SZ"))
    assert await world.metric("penstock_oldest_unreconciled_seconds") == 0
    auditing = asyncio.create_task(world.audit.run())

    async def shown() -> bool:
        return await world.metric("penstock_oldest_unreconciled_seconds") >= 40

    await until(shown)
    await until(lambda: world.knows("missed"))

    async def counted() -> bool:
        return await world.metric('penstock_watch_missed_total{kind="VectorStore"}') == 1

    await until(counted)
    assert await world.metric("penstock_oldest_unreconciled_seconds") == 0
    auditing.cancel()


async def test_a_kind_that_the_api_does_not_have_is_not_missed() -> None:
    cache = Cache([KIND, "RayJob"])
    async with FakeApi().running() as fake:
        context = Context({"server": fake.url})
        watch = Watch(context, cache, ["default"])
        async with Api(context) as api:
            audit = Audit(api, cache, watch, ["default"], Timing())
            await audit.fill()
            await audit.mend()
            assert set(watch.streams.silent()) == {KIND}
