"""Runs that may be asked for, and what tells them apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from penstock.api.materialization import Materialization
from penstock.api.stagedrun import StagedOutput, StagedRun, StagingState


@dataclass(frozen=True)
class KeptRun:
    """A run as a StagedRun has it."""

    run: str
    uid: str
    """Of the StagedRun: no other ever has the same data. A run may be staged again, by another."""
    uri: str
    outputs: Sequence[StagedOutput]
    until: datetime | None = None
    """When its data is due to be dropped; None while that is not known."""

    def stands(self, now: datetime) -> bool:
        """Whether its data is there still."""
        return self.until is None or now < self.until


def active(pointer: Materialization) -> KeptRun | None:
    """What the pointer names."""
    named = pointer.status.active
    return KeptRun(named.run, named.staged_run_ref.uid, named.uri, named.outputs) if named is not None else None


def staged(run: StagedRun, owner_uid: str) -> KeptRun | None:
    """What a StagedRun keeps for a Materialization; None where it is another's, or did not come so far.

    One that is being deleted is kept until its grace is over.
    """
    if run.spec.materialization_ref.uid != owner_uid or run.status.state is not StagingState.STAGED:
        return None
    return KeptRun(
        run.spec.training_run_ref.name, run.metadata.uid, run.spec.uri, run.status.outputs, run.status.retire_at
    )
