"""What needs a store: read as it is on the wire, so that an object of another schema is no obstacle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from worlds import world

from penstock.api import FINALIZER
from penstock_operator import references
from penstock_operator.loop.index import ObjectIndex
from penstock_operator.ports import Object, References
from penstock_operator.publicnames.feeders import feeders_of
from penstock_operator.stores.feast import FeastProjects
from penstock_operator.stores.users import users_of


class Cluster:
    """Objects, found by index alone."""

    def __init__(self, *objects: Object) -> None:
        self.objects = ObjectIndex()
        for obj in objects:
            self.objects.put(obj)

    async def referring(self, kind: str, namespace: str | None, references: References, name: str) -> Sequence[Object]:
        return self.objects.referring(kind, namespace, references, name)


def obj(kind: str, name: str, spec: Any, status: Any = None, **meta: Any) -> Object:
    return {"kind": kind, "metadata": {"name": name, "namespace": "team", **meta}, "spec": spec, "status": status}


def run(name: str, store: str, kind: str = "Features", **meta: Any) -> Object:
    spec = {"features": [{"storeRef": {"name": store}, "of": "tomorrow"}], "vectors": "strange"}
    return obj("StagedRun", name, spec, {"outputs": [{"store": store, "kind": kind, "of": "tomorrow"}]}, **meta)


GOING = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
VIEW = obj("FeatureView", "images", {"storeRef": {"name": "feast"}})


@pytest.mark.parametrize(
    ("objects", "users"),
    [
        ([], ()),
        ([VIEW, run("digits-1", "feast")], ("FeatureView images", "StagedRun digits-1")),
        ([run("digits-1", "other")], ()),
        ([run("digits-1", "feast", kind="Embeddings")], ()),
        ([obj("StagedRun", "digits-1", {"features": [{"storeRef": {"name": "feast"}}]}, {"outputs": None})], ()),
        ([run("digits-1", "feast", **GOING, finalizers=[FINALIZER])], ("StagedRun digits-1",)),
        ([run("digits-1", "feast", **GOING, finalizers=["example.com/other"])], ()),
        ([obj("FeatureView", "strange", {"store": "feast"}), obj("StagedRun", "strange", {"features": None})], ()),
    ],
)
async def test_users_are_views_on_it_and_staged_runs_with_data_in_it(
    objects: list[Object], users: tuple[str, ...]
) -> None:
    driver = FeastProjects(world())
    assert await users_of(Cluster(*objects), "team", "feast", driver) == users  # type: ignore[arg-type]
    assert await users_of(Cluster(*objects), "other", "feast", driver) == ()  # type: ignore[arg-type]


async def test_a_strange_materialization_feeds_nothing() -> None:
    cluster: Any = Cluster(obj("Materialization", "strange", {"features": [{"view": "images"}]}))
    assert await feeders_of(cluster, "team", "images", references.feature_views) == []
