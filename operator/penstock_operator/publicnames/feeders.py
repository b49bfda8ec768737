"""The Materializations that feed a view or collection."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from penstock.api.materialization import Materialization
from penstock_operator.loop.parse import parse
from penstock_operator.ports import Cluster, References

MADE_NOW = datetime.max.replace(tzinfo=UTC)


def holder(feeders: Iterable[Materialization]) -> Materialization | None:
    """The one that may feed it: the oldest."""
    return min(feeders, key=lambda one: (one.metadata.creation_timestamp or MADE_NOW, one.metadata.name), default=None)


async def feeders_of(cluster: Cluster, namespace: str, name: str, targets: References) -> list[Materialization]:
    """The Materializations of a namespace whose spec names the resource, and that are not being deleted."""
    return [
        parse(Materialization, obj)
        for obj in await cluster.referring("Materialization", namespace, targets, name)
        if "deletionTimestamp" not in obj["metadata"]
    ]
