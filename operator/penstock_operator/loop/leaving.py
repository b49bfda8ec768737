"""How a deleted object goes, in bounded time whatever fails."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from penstock.api import FINALIZER
from penstock_operator.ports import Cluster, Object

GIVE_UP_SECONDS = 120
"""How long a deleted object whose passes fail is held; kinds that wait for something have bounds of their own."""


def held_for(obj: Object, now: datetime) -> float | None:
    """For how many seconds a deleted object whose passes fail is still held; None where it is not deleted."""
    deleted = obj["metadata"].get("deletionTimestamp")
    if deleted is None:
        return None
    return (datetime.fromisoformat(deleted) + timedelta(seconds=GIVE_UP_SECONDS) - now).total_seconds()


async def leave(cluster: Cluster, obj: Object, notes: Sequence[str] = ()) -> None:
    """Take our finalizer off; what people should know of what stays is told by events, which outlive the object."""
    for note in notes:
        await cluster.record(obj, "Warning", "LeftBehind", note)
    await cluster.write_finalizers(obj, [name for name in obj["metadata"]["finalizers"] if name != FINALIZER])
