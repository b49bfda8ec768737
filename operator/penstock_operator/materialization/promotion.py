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
from penstock_operator.materialization.history import active_identity, identity, meant
from penstock_operator.materialization.targets import changed

Verdict = tuple[Truth, PromotedReason, str]


def promote(spec: MaterializationSpec, status: MaterializationStatus, digest: str, now: datetime) -> Verdict:
    """Move the pointer where it should be; `status` is updated in place.

    Unless it is pinned, a run is promoted as it was staged for the spec as it is: past its gates, to its targets.
    """
    if spec.suspend:
        return "Unknown", PromotedReason.SUSPENDED, "Suspended by spec.suspend"
    if spec.pinned_run is not None:
        return _pin(spec.pinned_run, status, digest, now)
    staged = [record for record in status.runs if record.state is RunState.STAGED and record.spec_digest == digest]
    newest = staged[-1] if staged else None
    if newest is None:
        if status.active is not None:
            return "True", PromotedReason.PROMOTED, f"Run {status.active.run} is served"
        return "Unknown", PromotedReason.NOTHING_STAGED, "No staged run to promote"
    if spec.promotion is Promotion.MANUAL and identity(newest) != active_identity(status):
        return "Unknown", PromotedReason.AWAITING_PROMOTION, f"Run {newest.run} is staged and waits for `promote`"
    point(status, newest, now)
    return "True", PromotedReason.PROMOTED, f"Run {newest.run} is served"


def _pin(run: str, status: MaterializationStatus, digest: str, now: datetime) -> Verdict:
    kept = meant(status, run, digest)
    if kept is None or not _kept(kept, now):
        message = f"spec.pinnedRunRef {run!r} is not staged; what was served stays"
        return "False", PromotedReason.PINNED_RUN_UNAVAILABLE, message
    kept.state, kept.retire_at = RunState.STAGED, None
    point(status, kept, now)
    message = f"Run {run} is served, as spec.pinnedRunRef says{outdated(status, digest)}"
    return "True", PromotedReason.PINNED, message


def outdated(status: MaterializationStatus, digest: str) -> str:
    """The end of a sentence about what is served: whether anything of what it was staged by has changed since."""
    active = active_identity(status)
    record = next((one for one in status.runs if identity(one) == active), None)
    if record is None or record.spec_digest == digest:
        return ""
    return f"; it is as it was staged, before {changed(record, status.targets)} changed"


def _kept(record: RunRecord, now: datetime) -> bool:
    """Whether its data is surely there: once its grace is over, an earlier pass may have died after dropping it."""
    due = record.retire_at is not None and record.retire_at <= now
    return record.state is RunState.STAGED or (record.state is RunState.RETIRING and not due)


def point(status: MaterializationStatus, record: RunRecord, now: datetime) -> None:
    """Let the pointer name this staging; another run that it named becomes the previous run."""
    if active_identity(status) == identity(record):
        return
    if status.active is not None and status.active.run != record.run:
        status.previous_run = status.active.run
    status.active = Active(
        run=record.run, revision=record.revision, uri=record.uri, switched_at=now, outputs=record.outputs
    )
