"""From a TrainingJob and what was observed to its next status and actions. Pure."""

from __future__ import annotations

from datetime import datetime

from penstock.api.trainingjob import TrainingJob
from penstock_operator.loop.plan import ALWAYS, Plan
from penstock_operator.training.attempts import current_attempt
from penstock_operator.training.begin import begin
from penstock_operator.training.deletion import plan_deletion
from penstock_operator.training.follow import follow
from penstock_operator.training.observed import Action, Observed


def plan(job: TrainingJob, seen: Observed, now: datetime, since: datetime = ALWAYS) -> Plan[Action]:
    """What to do next."""
    if job.metadata.deletion_timestamp is not None:
        return plan_deletion(job, seen, now)
    if current_attempt(job.status) is not None:
        return follow(job, seen, now)
    return begin(job, seen, now)
