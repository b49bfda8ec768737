"""The Materializations that feed a view or collection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock.api.materialization import Materialization
from penstock_operator.loop.parse import parse
from penstock_operator.ports import Cluster


async def feeders_of(
    cluster: Cluster, namespace: str, name: str, targets: Callable[[dict[str, Any]], list[str]]
) -> list[Materialization]:
    """The Materializations of a namespace whose spec names the resource, and that are not being deleted."""
    return [
        parse(Materialization, obj)
        for obj in await cluster.list("Materialization", namespace)
        if name in targets(obj["spec"]) and "deletionTimestamp" not in obj["metadata"]
    ]
