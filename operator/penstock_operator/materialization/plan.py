"""From a Materialization and what was observed to its next status and actions. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from penstock.api.materialization import (
    Materialization,
    MaterializationReason,
    MaterializationStatus,
    RunState,
)
from penstock_operator.loop.conditions import Truth, with_condition
from penstock_operator.loop.plan import ALWAYS, Failed, Plan
from penstock_operator.materialization.deletion import plan_deletion
from penstock_operator.materialization.forgetting import forget
from penstock_operator.materialization.history import drop_errors, retire
from penstock_operator.materialization.observed import Observed
from penstock_operator.materialization.promotion import outdated, promote
from penstock_operator.materialization.retention import remember
from penstock_operator.materialization.room import trim
from penstock_operator.materialization.staging import stage
from penstock_operator.materialization.targets import note, staging_digest


def plan(mat: Materialization, seen: Observed, now: datetime, since: datetime = ALWAYS) -> Plan[Any]:
    """Stage, promote, retire: each sees what the one before it decided."""
    if mat.metadata.deletion_timestamp is not None:
        return plan_deletion(mat, seen, now)
    status = mat.status.model_copy(deep=True)
    note(mat.spec, status, seen.targets)
    digest = staging_digest(mat.spec, status.targets)
    staged = stage(mat, status, digest, seen, now)
    remember(status, seen)
    promoted = promote(mat.spec, status, digest, now)
    trim(status)
    active = status.active
    ready: tuple[Truth, MaterializationReason, str] = (
        ("False", MaterializationReason.NO_RUN, "No run has been promoted yet")
        if active is None
        else ("True", MaterializationReason.SERVING, f"Run {active.run} is served{outdated(status, digest)}")
    )
    for type_, (truth, reason, message) in {"Ready": ready, "Staged": staged.verdict, "Promoted": promoted}.items():
        status.conditions = with_condition(
            status.conditions, type_, truth, reason, message, generation=mat.metadata.generation, now=now
        )
    status.active_run = active.run if active is not None else None
    if status.active != mat.status.active or staged.actions or _states(status) != _states(mat.status):
        # What was decided is written before anything is dropped for it: a store that is away never delays it.
        after = staged.after if staged.after is not None else 0
        return Plan(status, staged.actions, after, settle=lambda _: drop_errors(status))
    retirement = retire(mat.spec, status, digest, seen, now)
    forgetting = forget(status, seen)

    def settle(failed: Failed) -> str:
        retirement.settle(failed)
        forgetting.settle(failed)
        return drop_errors(status)

    waits = [after for after in (staged.after, retirement.after, forgetting.after) if after is not None]
    cleanup = [*retirement.actions, *forgetting.actions]
    return Plan(status, (), min(waits, default=None), cleanup=cleanup, settle=settle)


def _states(status: MaterializationStatus) -> list[tuple[str, int, RunState]]:
    return [(record.run, record.revision, record.state) for record in status.runs]
