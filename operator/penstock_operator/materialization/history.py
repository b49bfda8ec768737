"""Which stagings are kept, and how the others go: retired, then dropped after the grace period. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from penstock.api.materialization import MaterializationSpec, MaterializationStatus, RunRecord, RunState
from penstock.api.trainingjob import TrainingJob
from penstock.naming import run_prefix
from penstock.wiresize import shortened
from penstock_operator.loop.plan import Failed, trouble
from penstock_operator.materialization.observed import Drop, DropRun, Observed
from penstock_operator.materialization.room import OLD_MESSAGE_BYTES, REFUSALS, crowded

DROP_AGAIN_SECONDS = 30

Identity = tuple[str, int]
"""A run, and which staging of it."""


def identity(record: RunRecord) -> Identity:
    """What tells a record from every other."""
    return record.run, record.revision


def active_identity(status: MaterializationStatus) -> Identity | None:
    """What the pointer names."""
    return (status.active.run, status.active.revision) if status.active is not None else None


def meant(status: MaterializationStatus, run: str | None, digest: str) -> RunRecord | None:
    """The record that is meant where a run is named: staged for the spec as it is, else the newest that is kept."""
    kept = [r for r in status.runs if r.run == run and r.state in (RunState.STAGED, RunState.RETIRING)]
    return max(kept, key=lambda r: (r.state is RunState.STAGED, r.spec_digest == digest, r.revision), default=None)


def guarded(spec: MaterializationSpec, status: MaterializationStatus, digest: str) -> set[Identity]:
    """The stagings that are never collected: the active one, and what is meant by the previous and the pinned run."""
    named = [meant(status, run, digest) for run in (status.previous_run, spec.pinned_run)]
    found = {identity(record) for record in named if record is not None}
    active = active_identity(status)
    return found | {active} if active is not None else found


@dataclass(frozen=True)
class Retirement:
    """What has had its grace and is to be dropped, and what becomes of its records."""

    spec: MaterializationSpec
    status: MaterializationStatus
    now: datetime
    due: Sequence[tuple[RunRecord, Sequence[Drop | DropRun]]] = field(default=())
    after: float | None = None
    """Seconds until the next is due."""

    @property
    def actions(self) -> list[Drop | DropRun]:
        """What drops it."""
        return [action for _, actions in self.due for action in actions]

    def settle(self, failed: Failed) -> None:
        """Forget what was dropped; what could not be is tried again, and the record says why."""
        for record, actions in self.due:
            if why := trouble([(action, error) for action, error in failed if action in actions]):
                record.drop_error = shortened(why, OLD_MESSAGE_BYTES)
                record.drop_at = self.now + timedelta(seconds=DROP_AGAIN_SECONDS)
            elif record.state is RunState.REJECTED:
                record.outputs, record.drop_error, record.drop_at = [], "", None
            else:
                self.status.runs.remove(record)
        _forget_rejected(self.spec, self.status)


def retire(
    spec: MaterializationSpec, status: MaterializationStatus, digest: str, seen: Observed, now: datetime
) -> Retirement:
    """Find what was marked in an earlier pass and is due; then mark what nobody needs any more."""
    safe = guarded(spec, status, digest)
    due = [record for record in status.runs if _due(record, safe, now)]
    _mark(spec, status, digest, safe, now)
    waits = [
        max((max(filter(None, (record.retire_at, record.drop_at))) - now).total_seconds(), 0.0)
        for record in status.runs
        if record.retire_at is not None and record.outputs and identity(record) not in safe and record not in due
    ]
    drops = [(record, _drops(record, status, due, seen)) for record in due]
    return Retirement(spec, status, now, drops, min(waits, default=None))


def orphaned(record: RunRecord, job: TrainingJob | None) -> bool:
    """Whether the job that made a run is gone, or goes, and left its directory to be dropped."""
    if record.retained or not record.uri:
        return False
    lives = job is not None and job.metadata.deletion_timestamp is None
    return job is None or not lives or not record.run.startswith(run_prefix(job.metadata.uid))


def drop_errors(status: MaterializationStatus) -> str:
    """Why what is due is still there."""
    return "; ".join(dict.fromkeys(record.drop_error for record in status.runs if record.drop_error))


def _due(record: RunRecord, safe: set[Identity], now: datetime) -> bool:
    if identity(record) in safe or record.retire_at is None or not record.outputs:
        return False
    if record.drop_at is not None and record.drop_at > now:
        return False
    return record.state in (RunState.RETIRING, RunState.REJECTED) and record.retire_at <= now


def _drops(
    record: RunRecord, status: MaterializationStatus, due: Sequence[RunRecord], seen: Observed
) -> list[Drop | DropRun]:
    # The public name of what the spec no longer names is moved by nobody.
    served = [(output.kind, output.resource) for output in (status.active.outputs if status.active else ())]
    drops: list[Drop | DropRun] = [Drop(o, public=(o.kind, o.resource) not in served) for o in record.outputs]
    shared = any(other.run == record.run and other.outputs and other not in due for other in status.runs)
    if record.state is RunState.RETIRING and not shared and orphaned(record, seen.job):
        drops.append(DropRun(record.uri))
    return drops


def _mark(
    spec: MaterializationSpec, status: MaterializationStatus, digest: str, safe: set[Identity], now: datetime
) -> None:
    """Retire stagings in whose place another of the same run stands, and runs beyond the history limit."""
    staged = [record for record in status.runs if record.state is RunState.STAGED]
    for record in staged:
        if identity(record) not in safe and record is not meant(status, record.run, digest):
            _retire(record, spec, status, now)
    staged = [record for record in staged if record.state is RunState.STAGED]
    surplus = len(staged) - spec.history_limit
    # The newest stays whatever is pinned: without its record it would be staged again, and again.
    for record in staged[:-1]:
        if surplus <= 0:
            return
        if identity(record) not in safe:
            _retire(record, spec, status, now)
            surplus -= 1


def _retire(record: RunRecord, spec: MaterializationSpec, status: MaterializationStatus, now: datetime) -> None:
    grace = 0 if crowded(status) else spec.grace_period_seconds
    record.state, record.retire_at = RunState.RETIRING, now + timedelta(seconds=grace)


def _forget_rejected(spec: MaterializationSpec, status: MaterializationStatus) -> None:
    """Keep the newest refusals for people to read, one of each run."""
    cleaned = [r for r in status.runs if r.state is RunState.REJECTED and not r.outputs]
    newest = {r.run: r.revision for r in status.runs}
    outdated = [r for r in cleaned if r.revision < newest[r.run]]
    rest = [r for r in cleaned if r not in outdated]
    for record in [*outdated, *rest[: -min(spec.history_limit, REFUSALS)]]:
        status.runs.remove(record)
