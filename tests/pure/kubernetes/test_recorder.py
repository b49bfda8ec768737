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
    recorder = Recorder(api, "op-1", "penstock", "penstock-operator")  # type: ignore[arg-type]
    running = asyncio.create_task(recorder.run())
    for reason in ("First", "Second"):
        recorder.record(OBJECT, "Normal", reason, "")
    async with asyncio.timeout(2):
        while api.created != posted:
            await asyncio.sleep(0.005)
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_what_stays_of_a_namespace_that_is_going_is_told_where_the_operator_lives() -> None:
    class Terminating(Api):
        async def create(self, obj: dict[str, Any]) -> None:
            about = obj["involvedObject"]
            if obj["metadata"]["namespace"] == "default":
                raise Refused('403: unable to create new content in namespace "default": it is being terminated')
            assert about["namespace"] == obj["metadata"]["namespace"], "the API refuses an event of another namespace"
            self.created.append(f"{about['kind']} {about['name']}: {obj['reason']}: {obj['message']}")

    api = Terminating([])
    recorder = Recorder(api, "op-1", "penstock", "penstock-operator")  # type: ignore[arg-type]
    running = asyncio.create_task(recorder.run())
    recorder.record(OBJECT, "Warning", "CleanupFailed", "of no use to anybody any more")
    recorder.record(OBJECT, "Warning", "LeftBehind", "alias 'images' in VectorStore 'milvus' stays behind: away")
    async with asyncio.timeout(2):
        while not api.created:
            await asyncio.sleep(0.005)
    assert api.created == [
        "Lease penstock-operator: LeftBehind: TrainingJob default/digits: "
        "alias 'images' in VectorStore 'milvus' stays behind: away"
    ]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
