"""What a Materialization needs a StagedRun for. Pure."""

from __future__ import annotations

from penstock.api.materialization import Materialization
from penstock.api.stagedrun import KeptAs, StagedRun, StagingState


def kept_as(staged: StagedRun, mat: Materialization | None) -> KeptAs | None:
    """The strongest reason; None where there is none, or nothing is left to be kept."""
    if mat is None or mat.metadata.deletion_timestamp is not None or staged.status.state is not StagingState.STAGED:
        return None
    uid, status = staged.metadata.uid, mat.status
    if status.active is not None and status.active.staged_run_ref.uid == uid:
        return KeptAs.ACTIVE
    pinned = mat.spec.pinned_run_ref
    if pinned is not None and pinned.name == staged.spec.training_run_ref.name:
        return KeptAs.PINNED
    if status.previous is not None and status.previous.staged_run_ref.uid == uid:
        return KeptAs.PREVIOUS
    return None
