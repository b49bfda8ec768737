"""From a TrainingRun and what was observed to its next status and actions. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from penstock.api import TrainingRun
from penstock.api.meta import DeletionPolicy
from penstock.api.trainingrun import TrainingRunReason, TrainingRunStatus
from penstock_operator.loop.conditions import Truth, with_condition
from penstock_operator.loop.plan import ALWAYS, Plan
from penstock_operator.trainingrun.observed import Action, DeleteItself, Observed, RemoveFiles

MOST_NAMES = 64
"""More of each are not listed."""


def plan(run: TrainingRun, seen: Observed, now: datetime, since: datetime = ALWAYS) -> Plan[Action]:
    """What to do next.

    Of a run that is neither staged nor served the status is what the definition gives a new one: it costs no write.
    """
    deleted = run.metadata.deletion_timestamp is not None
    if deleted and seen.staged_by:
        message = f"It is being deleted, and stays while it is held by {_names(seen)}"
        return Plan(_status(run, seen, "False", TrainingRunReason.HELD, message, now))
    if deleted:
        status = _status(run, seen, "False", TrainingRunReason.DELETING, TrainingRunReason.DELETING.meaning, now)
        return Plan(status, cleanup=(RemoveFiles(),), finalized=True)
    if seen.orphaned and not seen.staged_by and seen.deletion_policy is DeletionPolicy.DELETE:
        # Its status stays as it is: what is written beside a deletion comes too late.
        return Plan(run.status.model_copy(deep=True), (DeleteItself(),))
    return Plan(_status(run, seen, "True", TrainingRunReason.COMPLETE, TrainingRunReason.COMPLETE.meaning, now))


def _status(
    run: TrainingRun, seen: Observed, truth: Truth, reason: TrainingRunReason, message: str, now: datetime
) -> TrainingRunStatus:
    status = run.status.model_copy(deep=True)
    status.staged_by, status.served_by = [*seen.staged_by][:MOST_NAMES], [*seen.served_by][:MOST_NAMES]
    status.kept_by = [*seen.kept_by][:MOST_NAMES]
    generation = run.metadata.generation
    status.conditions = with_condition(
        status.conditions, "Ready", truth, reason, message, generation=generation, now=now
    )
    return status


def _names(seen: Observed) -> str:
    def listed(kind: str, names: Sequence[str]) -> str:
        return f"{kind} {', '.join(repr(name) for name in names[:5])}{', …' if len(names) > 5 else ''}"

    served = f" (served by {listed('Materialization', seen.served_by)})" if seen.served_by else ""
    return f"{listed('StagedRun', seen.staged_by)}{served}"
