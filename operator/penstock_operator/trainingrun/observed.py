"""What the plan of a TrainingRun is made from, and what it may ask for."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.api.meta import DeletionPolicy


@dataclass(frozen=True)
class Observed:
    """The world around a TrainingRun."""

    staged_by: tuple[str, ...] = ()
    """The StagedRuns that hold it."""
    served_by: tuple[str, ...] = ()
    """The Materializations that serve it."""
    kept_by: tuple[str, ...] = ()
    """The Materializations that serve it, have pinned it, or would go back to it."""
    orphaned: bool = False
    """Whether the job that trained it is gone, or on its way out; a successor of its name is not that job."""
    deletion_policy: DeletionPolicy = DeletionPolicy.DELETE
    """That of its job while that is there, and then its own."""


@dataclass(frozen=True)
class DeleteItself:
    """Delete the TrainingRun: nobody needs it any more."""


@dataclass(frozen=True)
class RemoveFiles:
    """Remove its run directory."""

    def __str__(self) -> str:
        """What is removed."""
        return "its run directory"


Action = DeleteItself | RemoveFiles
