"""How a deleted object goes, in bounded time whatever fails."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from penstock.api import FINALIZER
from penstock_operator.loop.key import Key
from penstock_operator.loop.reconciled import RECONCILED
from penstock_operator.loop.wire import entries
from penstock_operator.ports import Cluster, Object

LEFT_BEHIND = "LeftBehind"
"""The reason of an event about what stays."""
GIVE_UP_SECONDS = 120
"""How long a deleted object is held while its passes fail; kinds that wait for something have bounds of their own."""

log = structlog.get_logger(__name__)


def hold_seconds(obj: Object, now: datetime, since: datetime, shown: bool = True) -> float | None:
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
        begun = max(begun, _failing_since(obj) or now)
    return (begun + timedelta(seconds=GIVE_UP_SECONDS) - now).total_seconds()


def _failing_since(obj: Object) -> datetime | None:
    """Since when its passes fail, by what it says itself; None where the last one did not."""
    for one in entries(obj, "status", "conditions"):
        if (one.get("type"), one.get("status")) == (RECONCILED, "False"):
            return datetime.fromisoformat(one["lastTransitionTime"])
    return None


async def finalize(cluster: Cluster, obj: Object, notes: Sequence[str] = ()) -> None:
    """Take our finalizer off; what people should know of what stays is told by events, which outlive the object.

    The log has it too: the namespace may be going, with the events in it.
    """
    for note in notes:
        log.warning("Left behind", **Key.of(obj)._asdict(), note=note)
        await cluster.record(obj, "Warning", LEFT_BEHIND, note)
    await cluster.write_finalizers(obj, [name for name in obj["metadata"]["finalizers"] if name != FINALIZER])
