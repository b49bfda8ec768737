"""Which runs are kept, and how the others go: retired, then dropped after the grace period. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from penstock.api.materialization import MaterializationSpec, MaterializationStatus, RunRecord, RunState
from penstock.api.trainingjob import TrainingJob
from penstock.naming import run_prefix
from penstock_operator.materialization.observed import Drop, DropRun, Observed

CROWDED = 200
"""With more runs in the status than this, no grace is given: a status has room for 256."""


def guarded(spec: MaterializationSpec, status: MaterializationStatus) -> set[str]:
    """The runs that are never collected: active, previous, pinned."""
    active = status.active.run if status.active is not None else None
    return {run for run in (active, status.previous_run, spec.pinned_run) if run is not None}


def retire(
    spec: MaterializationSpec, status: MaterializationStatus, seen: Observed, now: datetime
) -> tuple[Sequence[object], float | None]:
    """Drop what was marked in an earlier pass and has had its grace; then mark what is beyond the history limit.

    Returns:
        The actions, and the seconds until the next run is due.
    """
    safe = guarded(spec, status)
    due = [record for record in status.runs if _due(record, safe, now)]
    actions: list[object] = [Drop(output) for record in due for output in record.outputs]
    for record in due:
        if record.state is RunState.REJECTED:
            record.outputs = []
        else:
            if orphaned(record, seen.job):
                actions.append(DropRun(record.uri))
            status.runs.remove(record)
    _mark(spec, status, safe, now)
    _forget_rejected(spec, status)
    waits = [
        max((record.retire_at - now).total_seconds(), 0.0)
        for record in status.runs
        if record.retire_at is not None and record.outputs and record.run not in safe
    ]
    return tuple(actions), min(waits, default=None)


def orphaned(record: RunRecord, job: TrainingJob | None) -> bool:
    """Whether the job that made a run is gone, or goes, and left its directory to be dropped."""
    if record.retained or not record.uri:
        return False
    lives = job is not None and job.metadata.deletion_timestamp is None
    return job is None or not lives or not record.run.startswith(run_prefix(job.metadata.uid))


def _due(record: RunRecord, safe: set[str], now: datetime) -> bool:
    if record.run in safe or record.retire_at is None or not record.outputs:
        return False
    return record.state in (RunState.RETIRING, RunState.REJECTED) and record.retire_at <= now


def _mark(spec: MaterializationSpec, status: MaterializationStatus, safe: set[str], now: datetime) -> None:
    staged = [record for record in status.runs if record.state is RunState.STAGED]
    surplus = len(staged) - spec.history_limit
    # The newest stays whatever is pinned: without its record it would be staged again, and again.
    for record in staged[:-1]:
        if surplus <= 0:
            return
        if record.run not in safe:
            record.state = RunState.RETIRING
            grace = 0 if len(status.runs) > CROWDED else spec.grace_period_seconds
            record.retire_at = now + timedelta(seconds=grace)
            surplus -= 1


def _forget_rejected(spec: MaterializationSpec, status: MaterializationStatus) -> None:
    """Keep the newest refusals for people to read."""
    cleaned = [r for r in status.runs if r.state is RunState.REJECTED and not r.outputs]
    for record in cleaned[: -spec.history_limit]:
        status.runs.remove(record)
