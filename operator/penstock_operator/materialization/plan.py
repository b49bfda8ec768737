"""From a Materialization and what was observed to its next status and actions. Pure."""

from __future__ import annotations

from datetime import datetime

from penstock.api.materialization import (
    Materialization,
    MaterializationReason,
    MaterializationSpec,
    MaterializationStatus,
    RunState,
)
from penstock.api.meta import DeletionPolicy
from penstock_operator.digest import spec_digest
from penstock_operator.loop.conditions import Truth, with_condition
from penstock_operator.loop.reconciler import Plan
from penstock_operator.materialization.deletion import plan_deletion
from penstock_operator.materialization.history import retire
from penstock_operator.materialization.observed import Observed
from penstock_operator.materialization.promotion import promote
from penstock_operator.materialization.staging import stage

STAGING_FIELDS = ("features", "vectors", "gates")
"""The fields of the spec that decide what staging does: a change of one stages a refused run again."""


def staging_digest(spec: MaterializationSpec) -> str:
    """The digest of what decides a staging."""
    return spec_digest(spec, STAGING_FIELDS)


def plan(mat: Materialization, seen: Observed, now: datetime) -> Plan:
    """Stage, promote, retire: each sees what the one before it decided."""
    if mat.metadata.deletion_timestamp is not None:
        return plan_deletion(mat, seen, now)
    status = mat.status.model_copy(deep=True)
    if seen.job is not None:
        for record in status.runs:
            record.retained = seen.job.spec.deletion_policy is DeletionPolicy.RETAIN
    staged = stage(mat, status, staging_digest(mat.spec), seen, now)
    promoted = promote(mat.spec, status, now)
    active = status.active
    ready: tuple[Truth, MaterializationReason, str] = (
        ("False", MaterializationReason.NO_RUN, "No run has been promoted yet")
        if active is None
        else ("True", MaterializationReason.SERVING, f"Run {active.run} is served")
    )
    for type_, (truth, reason, message) in {"Ready": ready, "Staged": staged.verdict, "Promoted": promoted}.items():
        status.conditions = with_condition(
            status.conditions, type_, truth, reason, message, generation=mat.metadata.generation, now=now
        )
    status.active_run = active.run if active is not None else None
    if status.active != mat.status.active or staged.actions or _states(status) != _states(mat.status):
        # What was decided is written before anything is dropped for it: a store that is away never delays it.
        return Plan(status, staged.actions, staged.after if staged.after is not None else 0)
    drops, due_after = retire(mat.spec, status, seen, now)
    waits = [after for after in (staged.after, due_after) if after is not None]
    return Plan(status, drops, min(waits, default=None))


def _states(status: MaterializationStatus) -> list[tuple[str, RunState]]:
    return [(record.run, record.state) for record in status.runs]
