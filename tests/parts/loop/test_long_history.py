"""However many runs there are, a pass looks at those that are its own object's: it lists nothing, and asks an index."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from training_plane import Plane

from penstock.api import API_VERSION
from penstock_operator.local.apiserver.cluster import LocalCluster
from penstock_operator.local.apiserver.store import ObjectStore
from penstock_operator.ports import Object, References

OTHERS = 40


class Looks:
    """What passes asked the cluster for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lists: list[str] = []
        self.found: dict[str, int] = {}
        """The most objects of a kind that one question was answered with."""
        listed, referred = LocalCluster.list, LocalCluster.referring

        async def list_(cluster: LocalCluster, kind: str, namespace: str | None = None) -> Sequence[Object]:
            self.lists.append(kind)
            return await listed(cluster, kind, namespace)

        async def referring(
            cluster: LocalCluster, kind: str, namespace: str | None, references: References, name: str
        ) -> Sequence[Object]:
            found = await referred(cluster, kind, namespace, references, name)
            self.found[kind] = max(self.found.get(kind, 0), len(found))
            return found

        monkeypatch.setattr(LocalCluster, "list", list_)
        monkeypatch.setattr(LocalCluster, "referring", referring)


def crowd(store: ObjectStore) -> None:
    """Runs of a job of the same name elsewhere, and of another job here, each staged."""
    for namespace, job in (("elsewhere", "digits"), ("default", "other")):
        for number in range(OTHERS):
            run = {
                "trainingJobRef": {"name": job, "uid": "u-9"},
                "attempt": number + 1,
                "uri": f"/nowhere/{number}",
                "manifestDigest": "sha256:0",
                "createdAt": "2026-01-01T00:00:00Z",
                "entrypoint": "train.py",
            }
            staged = {
                "materializationRef": {"name": job, "uid": "m-9"},
                "trainingRunRef": {"name": f"{job}-{number}", "uid": "u-8"},
                "uri": f"/nowhere/{number}",
                "trainedAt": "2026-01-01T00:00:00Z",
                "digest": "sha256:0",
                "deadlineSeconds": 60,
                "retryLimit": 0,
                "gracePeriodSeconds": 0,
            }
            for kind, spec in (("TrainingRun", run), ("StagedRun", staged)):
                meta = {"namespace": namespace, "name": f"{job}-{number}"}
                made = store.create({"apiVersion": API_VERSION, "kind": kind, "metadata": meta, "spec": spec})
                if kind == "StagedRun":
                    store.update_status({**made, "status": {"state": "Refused"}})


async def test_staging_and_serving(new_world: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    world = new_world()
    world.change(crowd)
    looks = Looks(monkeypatch)
    for number in (1, 2, 3):
        world.train(f"r-{number}", "Staged")
        await world.settle()
    assert looks.lists == []
    assert looks.found["StagedRun"] <= 3
    assert looks.found["TrainingRun"] == 3


async def test_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plane = Plane(tmp_path)
    crowd(plane.store)
    looks = Looks(monkeypatch)
    plane.kinds.pop("TrainingRun")
    plane.job()
    await plane.settle()
    assert looks.lists == []
    assert looks.found == {"TrainingRun": 1}
    plane.store.close()
