"""From a TrainingJob and what was observed to its next status and actions. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeVar

from penstock.api.trainingjob import TrainingJob
from penstock_operator.loop.plan import ALWAYS, Plan
from penstock_operator.training import beginning, deletion, endings, following
from penstock_operator.training.actions import Action
from penstock_operator.training.attempts import current_attempt
from penstock_operator.training.beginning import Idle
from penstock_operator.training.observed import Observed
from penstock_operator.training.passes import Pass
from penstock_operator.training.underway import UnderWay

P = TypeVar("P", bound=Pass)

LEAVING: tuple[Callable[[Pass], Plan[Action] | None], ...] = (
    deletion.stopping,  # nothing runs on for a job that is gone
    deletion.going,
)
UNDER_WAY: tuple[Callable[[UnderWay], Plan[Action] | None], ...] = (
    endings.succeeded,  # a whole manifest is a run, whatever Ray says
    endings.unjudged,  # nothing else is concluded of an end before the store was asked
    endings.stopped,
    endings.unbegun,  # no fault of the code
    endings.failed,
    following.stopping,  # what was to be stopped is, whatever else is known
    following.lost,
    following.preempted,
    following.suspended,
    following.superseded,
    following.overdue,
    following.unreachable,
    following.submitting,
    following.waiting,
    following.running,
)
IDLE: tuple[Callable[[Idle], Plan[Action] | None], ...] = (
    beginning.completed,
    beginning.suspended,
    beginning.refused,
    beginning.exhausted,
    beginning.never_begun,
    beginning.backing_off,
    beginning.without_code,
    beginning.without_ray,
    beginning.without_checkpoints,
    beginning.storing,
    beginning.recording,
)
"""Of each list the first that has something to say decides."""


def plan(job: TrainingJob, seen: Observed, now: datetime, since: datetime = ALWAYS) -> Plan[Action]:
    """What to do next."""
    if job.metadata.deletion_timestamp is not None:
        return _first(LEAVING, Pass(job, seen, now, since))
    if current_attempt(job.status) is not None:
        return _first(UNDER_WAY, UnderWay(job, seen, now, since))
    return _first(IDLE, Idle(job, seen, now, since))


def _first(rules: Iterable[Callable[[P], Plan[Action] | None]], this: P) -> Plan[Action]:
    return next(decided for rule in rules if (decided := rule(this)) is not None)
