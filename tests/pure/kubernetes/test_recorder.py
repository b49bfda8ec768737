"""Whatever becomes of one event, the next is posted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from penstock_operator.kubernetes import events
from penstock_operator.kubernetes.events import Recorder
from penstock_operator.ports import Conflict, Object

OBJECT = {
    "apiVersion": "penstock.dev/v1alpha1",
    "kind": "TrainingJob",
    "metadata": {"name": "digits", "namespace": "team", "uid": "u", "resourceVersion": "7"},
}


class Events:
    """An API in which some events are there already, and expire before they can be counted."""

    def __init__(self, expiring: str, error: Exception | None = None) -> None:
        self.expiring, self.error = expiring, error
        self.posted: list[str] = []

    async def create(self, obj: Object) -> Object:
        if obj["reason"] == self.expiring:
            self.expiring = ""
            raise self.error or Conflict("there is one of this name")
        self.posted.append(obj["reason"])
        return obj

    async def get(self, kind: str, namespace: str, name: str) -> Object | None:
        return None

    async def merge(self, obj: Object, patch: Mapping[str, Any]) -> Object:
        raise Conflict("it is gone")


async def posted(api: Events, count: int) -> list[str]:
    recorder = Recorder(api)  # type: ignore[arg-type]
    for reason in ("Expired", "Next"):
        recorder.record(OBJECT, "Normal", reason, "message")
    running = asyncio.create_task(recorder.run())
    try:
        async with asyncio.timeout(5):
            while len(api.posted) < count and not running.done():
                await asyncio.sleep(0.01)
        assert not running.done()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return sorted(api.posted)


async def test_an_event_that_expires_before_it_is_counted_is_posted_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "PAUSES", (0.01, 0.01))
    assert await posted(Events("Expired"), 2) == ["Expired", "Next"]


async def test_a_fault_with_one_event_ends_no_other() -> None:
    assert await posted(Events("Expired", ValueError("no JSON")), 1) == ["Next"]
