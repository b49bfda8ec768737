"""Loads that hang: what they may not hold up."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from penstock.api.materialization import Materialization
from penstock.gateway import loader as module

HANGING = 12
"""More than the threads that an event loop has by default on a small machine."""


def named(pointer: Materialization, name: str) -> Materialization:
    return pointer.model_copy(update={"metadata": pointer.metadata.model_copy(update={"name": name, "uid": name})})


async def test_pinned_loads_that_hang_delay_no_live_run_and_no_query(
    gateway: Any, staged: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, released = module.read_manifest, threading.Event()

    def reading(uri: str) -> Any:
        if uri.endswith("r-2"):
            released.wait(30)
        return read(uri)

    monkeypatch.setattr(module, "read_manifest", reading)
    catalog = gateway.catalog
    pinned = []
    for number in range(HANGING):
        catalog.follow(named(staged.pointer("r-1"), f"m{number}"))
        pinned.append(asyncio.create_task(catalog.bundle("default", f"m{number}", "r-2")))
    try:
        async with asyncio.timeout(10):
            while any(catalog.entry("default", f"m{number}").behind for number in range(HANGING)):
                await asyncio.sleep(0.01)
            answer = await gateway.ask("features/images", {"entities": [{"id": 1}]})
        assert (answer.status_code, answer.json()["run"]) == (200, "r-1")
        assert not any(task.done() for task in pinned)
    finally:
        released.set()
    assert {bundle.run for bundle in await asyncio.gather(*pinned)} == {"r-2"}
