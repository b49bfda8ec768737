"""How a deleted Materialization leaves: stop, drop, go, in bounded time. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from penstock.api.materialization import Materialization, MaterializationReason, RunState
from penstock.api.meta import DeletionPolicy
from penstock_operator.loop.conditions import with_condition
from penstock_operator.loop.reconciler import Plan
from penstock_operator.materialization.history import orphaned
from penstock_operator.materialization.observed import Drop, DropRun, Observed, StopStaging

DELETION_SECONDS = 60


def plan_deletion(mat: Materialization, seen: Observed, now: datetime) -> Plan:
    """Stop a staging that runs; then drop every run's data, unless its view or collection retains it."""
    status = mat.status.model_copy(deep=True)
    since = mat.metadata.deletion_timestamp or now
    overdue = now >= since + timedelta(seconds=DELETION_SECONDS)
    running = seen.staging is not None and not seen.staging.state.terminal
    if running and not overdue:
        record = next(record for record in status.runs if record.state is RunState.STAGING)
        status.conditions = with_condition(
            status.conditions,
            "Ready",
            "False",
            MaterializationReason.DELETING,
            f"The staging of run {record.run} is being stopped",
            generation=mat.metadata.generation,
            now=now,
        )
        return Plan(status, (StopStaging(record.submission_id),), requeue_after=1.0)
    actions: list[object] = []
    if not overdue:
        for record in status.runs:
            actions += [Drop(output, public=True) for output in record.outputs if not _retained(seen, output.resource)]
            if orphaned(record, seen.job):
                actions.append(DropRun(record.uri))
    return Plan(status, actions, finalized=True)


def _retained(seen: Observed, resource: str) -> bool:
    targets = [seen.targets.views.get(resource), seen.targets.collections.get(resource)]
    return any(target is not None and target.spec.deletion_policy is DeletionPolicy.RETAIN for target in targets)
