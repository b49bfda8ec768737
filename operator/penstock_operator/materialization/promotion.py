"""Which run is served: one pointer, moved in one status write. Pure."""

from __future__ import annotations

from datetime import datetime

from penstock.api.materialization import (
    Active,
    MaterializationSpec,
    MaterializationStatus,
    PromotedReason,
    Promotion,
    RunRecord,
    RunState,
)
from penstock_operator.loop.conditions import Truth

Verdict = tuple[Truth, PromotedReason, str]


def promote(spec: MaterializationSpec, status: MaterializationStatus, now: datetime) -> Verdict:
    """Move the pointer where it should be; `status` is updated in place."""
    staged = [record for record in status.runs if record.state is RunState.STAGED]
    active = status.active.run if status.active is not None else None
    if spec.suspend:
        return "Unknown", PromotedReason.SUSPENDED, "Suspended by spec.suspend"
    if spec.pinned_run is not None:
        return _pin(spec.pinned_run, status, now)
    newest = staged[-1] if staged else None
    if newest is None:
        if active is not None:
            return "True", PromotedReason.PROMOTED, f"Run {active} is served"
        return "Unknown", PromotedReason.NOTHING_STAGED, "No staged run to promote"
    if spec.promotion is Promotion.MANUAL:
        if newest.run != active:
            return "Unknown", PromotedReason.AWAITING_PROMOTION, f"Run {newest.run} is staged and waits for `promote`"
        return "True", PromotedReason.PROMOTED, f"Run {active} is served"
    point(status, newest, now)
    return "True", PromotedReason.PROMOTED, f"Run {newest.run} is served"


def _pin(run: str, status: MaterializationStatus, now: datetime) -> Verdict:
    kept = next((r for r in status.runs if r.run == run and _kept(r, now)), None)
    if kept is None:
        message = f"spec.pinnedRun {run!r} is not staged; what was served stays"
        return "False", PromotedReason.PINNED_RUN_UNAVAILABLE, message
    kept.state, kept.retire_at = RunState.STAGED, None
    point(status, kept, now)
    return "True", PromotedReason.PINNED, f"Run {run} is served, as spec.pinnedRun says"


def _kept(record: RunRecord, now: datetime) -> bool:
    """Whether its data is surely there: once its grace is over, an earlier pass may have died after dropping it."""
    due = record.retire_at is not None and record.retire_at <= now
    return record.state is RunState.STAGED or (record.state is RunState.RETIRING and not due)


def point(status: MaterializationStatus, record: RunRecord, now: datetime) -> None:
    """Let the pointer name this run; what it named becomes the previous run."""
    if status.active is not None:
        if status.active.run == record.run:
            return
        status.previous_run = status.active.run
    status.active = Active(run=record.run, uri=record.uri, switched_at=now, outputs=record.outputs)
