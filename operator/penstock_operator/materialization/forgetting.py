"""Which Ray jobs of stagings that have ended are forgotten: all but the newest, whose logs people may want. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from penstock.api.materialization import MaterializationStatus
from penstock_operator.loop.plan import Failed
from penstock_operator.materialization.observed import Forget, Observed

KEPT_LOGS = 3
MOST = 64
AGAIN_SECONDS = 5.0


def note_ended(status: MaterializationStatus, submission_id: str) -> None:
    """Remember that a staging's Ray job has ended, or is about to: what it had to say is in the status."""
    if submission_id and submission_id not in status.ended:
        status.ended = [*status.ended, submission_id][-MOST:]


def surplus(status: MaterializationStatus) -> list[str]:
    """The Ray jobs to be forgotten as soon as they have ended."""
    return status.ended[:-KEPT_LOGS]


@dataclass(frozen=True)
class Forgetting:
    """The Ray jobs that can be forgotten now."""

    status: MaterializationStatus
    actions: Sequence[Forget]

    @property
    def after(self) -> float | None:
        """Seconds until those that have not ended yet are looked at again."""
        return AGAIN_SECONDS if len(surplus(self.status)) > len(self.actions) else None

    def settle(self, failed: Failed) -> None:
        """Strike out what was forgotten."""
        kept = [action for action, _ in failed]
        gone = {action.submission_id for action in self.actions if action not in kept}
        self.status.ended = [one for one in self.status.ended if one not in gone]


def forget(status: MaterializationStatus, seen: Observed) -> Forgetting:
    """Forget what Ray says has ended."""
    return Forgetting(status, [Forget(one) for one in surplus(status) if one in seen.ended])
