"""What the write of a status made true. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from penstock.api.stagedrun import StagedRunReason


class Transition(NamedTuple):
    """What a write of a status made true, as far as it is worth counting."""

    promoted: bool = False
    rolled_back: bool = False
    gate_failed: bool = False
    live_since: datetime | None = None
    """When the run was trained that is served for the first time."""


def transition(kind: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Transition:
    """Compare two statuses on the wire.

    Args:
        kind: of the object.
        before: the status that was read.
        after: the status that was written.
    """
    match kind:
        case "Materialization":
            return _pointed(before, after)
        case "StagedRun":
            return Transition(gate_failed=_gate_failed(after) and not _gate_failed(before))
        case _:
            return Transition()


def _pointed(before: Mapping[str, Any], after: Mapping[str, Any]) -> Transition:
    old, new = before.get("active") or {}, after.get("active") or {}
    if not new or new["run"] == old.get("run"):
        # The same run, staged once more, is no move to another.
        return Transition()
    trained = datetime.fromisoformat(new["trainedAt"])
    back = bool(old) and trained < datetime.fromisoformat(old["trainedAt"])
    first = not back and new["run"] != (before.get("previous") or {}).get("run")
    return Transition(not back, back, live_since=trained if first else None)


def _gate_failed(status: Mapping[str, Any]) -> bool:
    return any(
        condition["type"] == "Ready" and condition["reason"] == StagedRunReason.GATE_FAILED
        for condition in status.get("conditions") or ()
    )
