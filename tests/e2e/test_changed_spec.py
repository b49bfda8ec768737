"""A changed spec on the local stack: staged again while queries go on, refused, and deleted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.api import FeatureView, Materialization, StagedRun, VectorCollection
from penstock.client import WaitFailed

HELLO = str(Path(__file__).parents[2] / "examples" / "hello")

pytestmark = [pytest.mark.e2e, pytest.mark.ray]


def gates(rows: int) -> dict[str, Any]:
    gate = {"name": "enough-rows", "type": "MinRows", "minRows": {"output": "embeddings", "rows": rows}}
    return {"gates": [gate], "gracePeriodSeconds": 5}


def eventually(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.2)


class Asking(threading.Thread):
    """Asks the gateway for neighbours and their features without a pause, from its first answer on."""

    def __init__(self, user: Any) -> None:
        super().__init__()
        self._user, self._over = user, threading.Event()
        self.answers, self.failures = 0, []

    def run(self) -> None:
        with self._user.gateway() as gateway:
            while not self._over.is_set():
                try:
                    found = gateway.search(
                        "default", "hello", "points", vectors=[[0.0] * 8], k=3, join={"view": "lengths"}
                    )
                    assert all(hit.features is not None for hit in found.results[0])
                    self.answers += 1
                except Exception as error:
                    if self.answers:
                        self.failures.append(error)
                time.sleep(0.01)

    def stop(self) -> None:
        self._over.set()
        self.join()


def test_new_gates_stage_the_run_again_and_queries_never_notice(user: Any) -> None:
    done = user.penstock("run", "-f", HELLO)
    assert done.returncode == 0, done.stderr
    asking = Asking(user)
    with user.client() as client:
        old = client.get(Materialization, "hello").status.active
        asking.start()
        eventually(lambda: asking.answers > 0)
        client.patch(Materialization, "hello", {"spec": gates(50)})
        new = client.wait(Materialization, "hello", "Staged", timeout=120).status.active
        assert new.run == old.run
        assert new.staged_run_ref.uid != old.staged_run_ref.uid
        assert not {o.physical for o in old.outputs} & {o.physical for o in new.outputs}
        client.patch(Materialization, "hello", {"spec": gates(101)})
        with pytest.raises(WaitFailed, match="GateFailed"):
            client.wait(Materialization, "hello", "Staged", timeout=120)
        assert client.get(Materialization, "hello").status.active == new
        # The old staging and the refused one leave no data.
        eventually(
            lambda: (
                [one.metadata.name for one in client.list(StagedRun) if one.status.outputs] == [new.staged_run_ref.name]
            )
        )
        names = (
            client.get(FeatureView, "lengths").status.view,
            client.get(VectorCollection, "points").status.collection,
        )
        assert names == tuple(output.physical for output in new.outputs)
    time.sleep(0.5)
    asking.stop()
    assert asking.failures == []
    assert asking.answers > 50


def test_a_changed_collection_and_view_are_staged_again_and_answers_are_by_the_one_or_the_other(user: Any) -> None:
    done = user.penstock("run", "-f", HELLO)
    assert done.returncode == 0, done.stderr
    found: list[tuple[Any, Any]] = []
    with user.client() as client, user.gateway() as gateway:
        old = client.get(Materialization, "hello").status.active

        def answers_by(fields: dict[str, Any]) -> bool:
            hit = gateway.search("default", "hello", "points", vectors=[[0.0] * 8], k=1, join={"view": "lengths"})
            ((first,),) = hit.results
            assert set(first.features) == {"length"}
            found.append((first.id, first.fields))
            return first.fields == fields

        eventually(lambda: answers_by({"even": True}) or answers_by({"even": False}))
        before = found[-1]
        client.patch(FeatureView, "lengths", {"spec": {"ttlSeconds": 86400}})
        client.patch(VectorCollection, "points", {"spec": {"scalarFields": [], "serving": "InMemory"}})
        eventually(lambda: answers_by({}))
        new = client.get(Materialization, "hello").status.active
        assert new.run == old.run
        assert not {o.physical for o in old.outputs} & {o.physical for o in new.outputs}
        assert [o.serving for o in new.outputs] == [None, "InMemory"]
        # Only what was served and what is served ever answered.
        assert {str(fields) for _, fields in found} <= {str(before[1]), "{}"}
        assert found[-1][0] == before[0]
        client.patch(VectorCollection, "points", {"spec": {"dimension": 9}})
        eventually(lambda: "InvalidOutput" in reasons(client))
        assert client.get(Materialization, "hello").status.active == new
        assert "VectorCollection 'points' changed" in ready(client)
        client.patch(VectorCollection, "points", {"spec": {"dimension": 8}})
        eventually(lambda: "InvalidOutput" not in reasons(client))
        assert client.get(Materialization, "hello").status.active == new


def reasons(client: Any) -> list[str]:
    return [condition.reason for condition in client.get(Materialization, "hello").status.conditions]


def ready(client: Any) -> str:
    conditions = client.get(Materialization, "hello").status.conditions
    return next(str(condition.message) for condition in conditions if condition.type == "Ready")


def test_all_of_it_goes_when_it_is_deleted(user: Any) -> None:
    gone = user.penstock("delete", "-f", HELLO)
    assert gone.returncode == 0, gone.stderr
    assert user.penstock("get", "all").stdout == ""
    assert list(user.home.glob("artifacts/default/*/*")) == []
