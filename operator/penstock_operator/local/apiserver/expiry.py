"""Events go after an hour, as the Kubernetes API lets them go, and the oldest where there are too many."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from penstock_operator.local.apiserver.store import ObjectStore
from penstock_operator.ports import Object

KEPT = timedelta(hours=1)
MOST = 2_000
EVERY_SECONDS = 60.0
TIMES = (("lastTimestamp",), ("eventTime",), ("series", "lastObservedTime"), ("metadata", "creationTimestamp"))


async def expire(store: ObjectStore) -> None:
    """Remove expired events until cancelled."""
    while True:
        try:
            store.delete_all(expired(store.list("Event"), datetime.now(UTC)))
        except sqlite3.Error as error:
            print(f"Old events cannot be removed: {error}", file=sys.stderr, flush=True)  # noqa: T201
        await asyncio.sleep(EVERY_SECONDS)


def expired(events: Iterable[Object], now: datetime) -> Sequence[Object]:
    """The events that have been kept long enough."""
    oldest_first = sorted(((_last(event, now), event) for event in events), key=lambda pair: pair[0])
    over = max(len(oldest_first) - MOST, 0)
    return [event for number, (last, event) in enumerate(oldest_first) if number < over or last <= now - KEPT]


def _last(event: Object, now: datetime) -> datetime:
    """When it was last seen; a time that is none, or that is still to come, does not count."""
    times = [_time(event, path) for path in TIMES]
    return max((time for time in times if time is not None and time <= now), default=now)


def _time(event: Object, path: Sequence[str]) -> datetime | None:
    found: Any = event
    for step in path:
        found = found.get(step) if isinstance(found, dict) else None
    try:
        time = datetime.fromisoformat(str(found))
    except ValueError:
        return None
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)
