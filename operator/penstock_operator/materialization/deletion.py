"""How a deleted Materialization leaves: stop, drop, go, in bounded time. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from penstock.api.materialization import (
    Materialization,
    MaterializationReason,
    MaterializationStatus,
    RunRecord,
    RunState,
)
from penstock_operator.loop.conditions import with_condition
from penstock_operator.loop.plan import Plan
from penstock_operator.materialization.history import orphaned
from penstock_operator.materialization.observed import Drop, DropRun, Forget, Observed, StopStaging
from penstock_operator.materialization.retention import retained

STOP_SECONDS = 60
"""How long a staging may take to stop, or Ray to answer whether it runs."""


def plan_deletion(mat: Materialization, seen: Observed, now: datetime) -> Plan[Any]:
    """Stop a staging that may run; then drop every run's data, unless its view or collection retains it."""
    status = mat.status.model_copy(deep=True)
    until = (mat.metadata.deletion_timestamp or now) + timedelta(seconds=STOP_SECONDS)
    record = next((r for r in status.runs if r.state is RunState.STAGING and r.submission_id), None)
    writing = record if record is not None and _may_write(seen) else None
    waiting = now < until and (writing is not None or _ending(status, seen))
    status.conditions = with_condition(
        status.conditions,
        "Ready",
        "False",
        MaterializationReason.DELETING,
        _told(writing, seen, until) if waiting else "Its data is being dropped",
        generation=mat.metadata.generation,
        now=now,
    )
    if waiting:
        stop = (StopStaging(writing.submission_id),) if writing is not None and seen.session is not None else ()
        return Plan(status, stop, requeue_after=1.0)
    left = [output.physical for output in (writing.outputs if writing is not None else ())]
    notes = [f"The staging of run {writing.run} did not stop; it leaves {', '.join(left)}"] if writing else []
    gone = [r for r in status.runs if r is not writing]
    cleanup = [*(action for record in gone for action in _drops(record, seen)), *_forgotten(status, seen)]
    return Plan(status, cleanup=cleanup, finalized=True, notes=notes)


def _may_write(seen: Observed) -> bool:
    """Whether a recorded staging may still write to the stores: so it may while Ray does not say otherwise."""
    if seen.report is not None:
        return False
    return seen.session is None or (seen.staging is not None and not seen.staging.state.terminal)


def _ending(status: MaterializationStatus, seen: Observed) -> bool:
    """Whether Ray has jobs that have said all that they had to say, and cannot be forgotten before they have ended."""
    if seen.session is None:
        return False
    exiting = seen.staging is not None and not seen.staging.state.terminal
    return exiting or any(one not in seen.ended for one in status.ended)


def _told(writing: RunRecord | None, seen: Observed, until: datetime) -> str:
    if writing is None:
        return "The Ray jobs of its stagings are ending"
    if seen.session is not None:
        return f"The staging of run {writing.run} is being stopped"
    why = seen.ray_error or "Ray did not answer"
    return f"{why}: the staging of run {writing.run} may still write, and is waited for until {until:%H:%M:%S} UTC"


def _drops(record: RunRecord, seen: Observed) -> Iterator[Drop | DropRun]:
    yield from (Drop(output, public=True) for output in record.outputs if not retained(output, seen))
    if orphaned(record, seen.job):
        yield DropRun(record.uri)


def _forgotten(status: MaterializationStatus, seen: Observed) -> Iterator[Forget]:
    if seen.staging is not None and seen.staging.state.terminal:
        yield Forget(seen.staging.submission_id)
    yield from (Forget(one) for one in status.ended if one in seen.ended)
