"""What the plan of a TrainingJob may ask for."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.api.meta import DeletionPolicy
from penstock.api.trainingjob import Attempt
from penstock.sources.archive import Archive
from penstock_operator.ports import Object
from penstock_operator.rayactions import Forget, Stop
from penstock_operator.training.observed import RecordedRun


@dataclass(frozen=True)
class StoreSource:
    """Put an archive of code into the artifact store."""

    archive: Archive


@dataclass(frozen=True)
class Submit:
    """Submit the recorded attempt."""

    attempt: Attempt


@dataclass(frozen=True)
class Release:
    """Give back the Ray cluster that waits for a next attempt."""


@dataclass(frozen=True)
class DeleteFiles:
    """Delete the run directory of an attempt that came to nothing."""

    run: str

    def __str__(self) -> str:
        """What is deleted."""
        return f"the directory of run {self.run!r}"


@dataclass(frozen=True)
class CreateRun:
    """Make the TrainingRun of an attempt whose manifest is whole."""

    object: Object


@dataclass(frozen=True)
class DeleteRun:
    """Delete a TrainingRun that the history has no room for; it takes its directory with it."""

    run: RecordedRun


@dataclass(frozen=True)
class SetDeletionPolicy:
    """Carry the job's deletion policy to one of its runs."""

    run: RecordedRun
    policy: DeletionPolicy


Action = StoreSource | Submit | Stop | Forget | Release | DeleteFiles | CreateRun | DeleteRun | SetDeletionPolicy
