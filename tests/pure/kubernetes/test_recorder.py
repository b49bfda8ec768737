"""Events are posted though the API has a bad moment, and one that cannot be posted holds up no other."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from penstock_operator.kubernetes import events
from penstock_operator.kubernetes.events import Recorder
from penstock_operator.ports import ClusterUnreachable, Conflict, Refused

OBJECT = {
    "apiVersion": "penstock.dev/v1alpha1",
    "kind": "TrainingJob",
    "metadata": {"name": "digits", "namespace": "default", "uid": "u", "resourceVersion": "1"},
}


@dataclass
class Api:
    """Answers creations by a list of errors, then well; knows no event by name."""

    errors: list[Exception]
    created: list[str] = field(default_factory=list)

    async def create(self, obj: dict[str, Any]) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.created.append(obj["reason"])

    async def get(self, kind: str, namespace: str, name: str) -> None:
        return None

    async def merge(self, obj: dict[str, Any], patch: dict[str, Any]) -> None:
        raise Conflict("it is gone")


@pytest.mark.parametrize(
    ("errors", "posted"),
    [
        ([ClusterUnreachable("429"), ClusterUnreachable("503")], ["First", "Second"]),
        ([Conflict("there is one of this name")], ["First", "Second"]),
        ([Refused("forbidden")], ["Second"]),
        ([ClusterUnreachable("away")] * 3, ["Second"]),
    ],
)
async def test_what_is_posted(errors: list[Exception], posted: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "PAUSES", (0.001, 0.001, 0.001))
    monkeypatch.setattr(events, "WRITERS", 1)
    api = Api(list(errors))
    recorder = Recorder(api)  # type: ignore[arg-type]
    running = asyncio.create_task(recorder.run())
    for reason in ("First", "Second"):
        recorder.record(OBJECT, "Normal", reason, "")
    async with asyncio.timeout(2):
        while api.created != posted:
            await asyncio.sleep(0.005)
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
