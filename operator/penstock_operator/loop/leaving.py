"""How a deleted object goes, in bounded time whatever fails."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from penstock.api import FINALIZER
from penstock_operator.loop.reconciled import RECONCILED
from penstock_operator.ports import Cluster, Object

GIVE_UP_SECONDS = 120
"""How long a deleted object is held while its passes fail; kinds that wait for something have bounds of their own."""


def held_for(obj: Object, now: datetime, since: datetime, shown: bool = True) -> float | None:
    """For how many seconds a deleted object whose pass failed is still held; None where it is not deleted.

    Args:
        obj: as it was before the pass.
        now: the time.
        since: from when on this process has looked; the bound is counted from no earlier time.
        shown: whether the object could be told of the failure. If so, it is held from when its passes began to fail:
            until then it may have waited for others for long. If not, from its deletion.
    """
    deleted = obj["metadata"].get("deletionTimestamp")
    if deleted is None:
        return None
    begun = max(datetime.fromisoformat(deleted), since)
    if shown:
        known = [one for one in (obj.get("status") or {}).get("conditions") or [] if one.get("type") == RECONCILED]
        begun = max(begun, datetime.fromisoformat(known[0]["lastTransitionTime"]) if known else now)
    return (begun + timedelta(seconds=GIVE_UP_SECONDS) - now).total_seconds()


async def leave(cluster: Cluster, obj: Object, notes: Sequence[str] = ()) -> None:
    """Take our finalizer off; what people should know of what stays is told by events, which outlive the object."""
    for note in notes:
        await cluster.record(obj, "Warning", "LeftBehind", note)
    await cluster.write_finalizers(obj, [name for name in obj["metadata"]["finalizers"] if name != FINALIZER])
