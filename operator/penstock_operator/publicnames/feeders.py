"""The Materializations that feed a view or collection, and which of them it follows."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from penstock.api.materialization import Materialization
from penstock_operator.loop.parse import parse
from penstock_operator.ports import Cluster, References

NEW = datetime.max.replace(tzinfo=UTC)
"""Of an object that has not been created yet."""


async def feeders_of(cluster: Cluster, namespace: str, name: str, targets: References) -> list[Materialization]:
    """The Materializations of a namespace whose spec names the resource, and that are not being deleted."""
    return [
        parse(Materialization, obj)
        for obj in await cluster.referring("Materialization", namespace, targets, name)
        if "deletionTimestamp" not in obj["metadata"]
    ]


def holder(feeders: Iterable[Materialization]) -> Materialization | None:
    """The one of several feeders that a view or collection follows: the oldest, and of those the first by name.

    The others are in conflict, and stage nothing for it.
    """
    staying = [feeder for feeder in feeders if feeder.metadata.deletion_timestamp is None]
    return min(
        staying,
        key=lambda one: (one.metadata.creation_timestamp or NEW, one.metadata.name, one.metadata.uid),
        default=None,
    )
