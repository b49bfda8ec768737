"""From a StagedRun and what was observed to its next status and actions. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from penstock.api.stagedrun import StagedRun
from penstock_operator.loop.plan import ALWAYS, Plan
from penstock_operator.stagedrun import deletion, endings, tries
from penstock_operator.stagedrun.observed import Action, Observed
from penstock_operator.stagedrun.passes import Pass

RULES: tuple[Callable[[Pass], Plan[Action] | None], ...] = (
    endings.losing,  # what is needed must be there, even if it was deleted by hand
    deletion.held,  # what is served stays, even if it was deleted by hand
    deletion.stopping,  # nobody writes any more to what is to be dropped
    deletion.retiring,  # those who still read it have their grace
    deletion.dropping,
    endings.lost,
    endings.staged,
    endings.refused,  # and what it left in the stores goes
    tries.follow,  # a try is under way
    tries.backing_off,
    tries.waiting_for_stores,
    tries.waiting_for_ray,
    tries.begin,
)
"""The first that has something to say decides."""


def plan(staged: StagedRun, seen: Observed, now: datetime, since: datetime = ALWAYS) -> Plan[Action]:
    """What to do next."""
    pass_ = Pass(staged, seen, now, since)
    return next(decided for rule in RULES if (decided := rule(pass_)) is not None)
