"""What the write of a Materialization's status made true. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from penstock_operator.ports import Object


class Happened(NamedTuple):
    """What is worth counting."""

    promoted: bool = False
    rolled_back: bool = False
    gate_failures: int = 0
    live_since: datetime | None = None
    """When the manifest was found of a run that is served for the first time."""


def happened(before: Mapping[str, Any], after: Mapping[str, Any], job: Object | None) -> Happened:
    """Compare two statuses on the wire.

    Args:
        before: the status that was read.
        after: the status that was written.
        job: the TrainingJob whose runs these are, where it is known.
    """
    rejected = _rejected(after) - _rejected(before)
    old, new = _active(before), _active(after)
    if new is None or new == old:
        return Happened(gate_failures=len(rejected))
    order = [record["run"] for record in after.get("runs") or ()]
    back = old in order and new in order and order.index(new) < order.index(old)
    runs = ((job or {}).get("status") or {}).get("runs") or ()
    finished = next((run.get("finishedAt") for run in runs if run["run"] == new), None)
    first = not back and new != before.get("previousRun")
    since = datetime.fromisoformat(finished) if first and finished else None
    return Happened(not back, back, len(rejected), since)


def _active(status: Mapping[str, Any]) -> str | None:
    return (status.get("active") or {}).get("run")


def _rejected(status: Mapping[str, Any]) -> set[tuple[str, int]]:
    """The stagings that a gate rejected."""
    return {
        (record["run"], record.get("revision", 0))
        for record in status.get("runs") or ()
        if record["state"] == "Rejected" and any(not gate["passed"] for gate in record.get("gates") or ())
    }
