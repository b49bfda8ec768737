"""What ended attempts and old runs leave behind, and which of it goes. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from penstock.api.trainingjob import Attempt, AttemptState, TrainingJobStatus
from penstock_operator.loop.away import Away
from penstock_operator.loop.plan import Failed, trouble
from penstock_operator.rayactions import Forget
from penstock_operator.training.actions import DeleteFiles, DeleteRun
from penstock_operator.training.observed import Observed, RecordedRun

KEPT_LOGS = 3
"""Ray keeps the jobs of so many of the newest attempts, for their logs."""
MAX_ATTEMPTS = 20

FRUITLESS = (AttemptState.FAILED, AttemptState.STOPPED)


@dataclass(frozen=True)
class Leftovers:
    """Runs, directories and Ray jobs that nobody needs."""

    status: TrainingJobStatus
    actions: Sequence[Forget | DeleteFiles | DeleteRun]

    def conclude(self, failed: Failed) -> str:
        """Note what is gone."""
        kept = [action for action, _ in failed]
        gone = [action for action in self.actions if action not in kept]
        for attempt in self.status.attempts:
            attempt.removed = attempt.removed or DeleteFiles(attempt.run) in gone
            attempt.forgotten = attempt.forgotten or Forget(attempt.submission_id) in gone
        return trouble(failed)


def leftovers(status: TrainingJobStatus, history_limit: int, needed: Collection[str], seen: Observed) -> Leftovers:
    """What can go now.

    Args:
        status: of a job of which no attempt is under way.
        history_limit: how many TrainingRuns are kept.
        needed: runs of attempts that failed or were stopped, and are still of use.
        seen: the world.
    """
    recorded = {run.name for run in seen.runs}
    fruitless = [one.run for one in status.attempts if one.state in FRUITLESS and not one.removed]
    actions: list[Forget | DeleteFiles | DeleteRun] = [DeleteRun(run) for run in surplus(seen.runs, history_limit)]
    actions += [DeleteFiles(run) for run in fruitless if run not in needed and run not in recorded]
    if not isinstance(seen.ray, Away):
        actions += [Forget(one.submission_id) for one in remembered(status)]
    return Leftovers(status, actions)


def surplus(runs: Sequence[RecordedRun], history_limit: int) -> list[RecordedRun]:
    """The oldest runs that are one too many and that no StagedRun holds."""
    return [run for run in runs[:-history_limit] if not run.held]


def remembered(status: TrainingJobStatus) -> list[Attempt]:
    """The old attempts that Ray has yet to forget."""
    return [one for one in status.attempts[:-KEPT_LOGS] if not one.forgotten]


def bounded(attempts: Sequence[Attempt]) -> list[Attempt]:
    """As many attempts as a status has room for; those that left nothing behind go first, the oldest of them first."""
    kept = list(attempts)
    while len(kept) > MAX_ATTEMPTS:
        kept.remove(next((one for one in kept[:-1] if _spent(one)), kept[0]))
    return kept


def _spent(attempt: Attempt) -> bool:
    return attempt.forgotten and (attempt.removed or attempt.state is AttemptState.SUCCEEDED)
