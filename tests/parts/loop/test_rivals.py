"""Two Materializations that name one view: the older feeds it, the younger says so on itself and touches nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

OLDER, YOUNGER = ("Materialization", "default", "digits"), ("Materialization", "default", "rival")


def rival(world: Any) -> None:
    def write(store: Any) -> None:
        older = store.get(*OLDER)
        meta = {"name": "rival", "namespace": "default"}
        # Of one second: the name decides.
        store.create({**older, "metadata": meta, "status": {}})

    world.change(write)


def conditions(world: Any, key: tuple[str, str, str]) -> dict[str, tuple[str, str]]:
    found = world.get(key)["status"]["conditions"]
    return {one["type"]: (one["status"], one["reason"]) for one in found}


def test_the_younger_stages_nothing_and_its_end_takes_nothing_along(new_world: Callable[[], Any]) -> None:
    world = new_world()
    world.train("r-1", "Staged")
    asyncio.run(world.settle())
    rival(world)
    world.train("r-2", "Staged")
    asyncio.run(world.settle())
    assert conditions(world, OLDER)["Ready"] == ("True", "Serving")
    assert {conditions(world, YOUNGER)[one] for one in ("Ready", "Staged", "Promoted")} == {("False", "Conflict")}
    assert {one.spec.materialization_ref.name for one in world.staged()} == {"digits"}
    assert conditions(world, ("FeatureView", "default", "images"))["Ready"] == ("True", "Serving")
    before = set(world.views.data), set(world.collections.data), dict(world.views.names)
    world.change(lambda store: store.delete(*YOUNGER))
    asyncio.run(world.settle())
    assert world.get(YOUNGER) is None
    assert (world.views.data, world.collections.data, world.views.names) == before


def test_with_the_older_gone_the_younger_takes_its_place(new_world: Callable[[], Any]) -> None:
    world = new_world()
    world.train("r-1", "Staged")
    asyncio.run(world.settle())
    rival(world)
    asyncio.run(world.settle())
    (first,) = {output.physical for one in world.staged() for output in one.status.outputs}
    world.change(lambda store: store.delete(*OLDER))
    asyncio.run(world.settle())
    assert world.get(OLDER) is None
    assert conditions(world, YOUNGER)["Ready"] == ("True", "Serving")
    (second,) = world.views.data
    assert second != first
    assert world.views.names == {"images": second}
