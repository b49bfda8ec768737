"""Which staged runs are kept; the others are deleted, and drop their data themselves. Pure."""

from __future__ import annotations

from penstock.api.stagedrun import StagedRun, StagingState
from penstock_operator.materialization.observed import Delete
from penstock_operator.materialization.passes import Pass, going

REFUSALS = 10
"""Refused runs that are kept for people to read, at most."""


def surplus(this: Pass) -> list[Delete]:
    """What nobody needs any more."""
    guarded = _guarded(this)
    staged = [one for one in this.kept_runs if one.metadata.uid not in guarded]
    replaced = [one for one in staged if _replaced(this, one)]
    rest = [one for one in staged if one not in replaced]
    beyond = max(len(this.kept_runs) - len(replaced) - this.spec.history_limit, 0)
    refused = [one for one in this.seen.staged if one.status.state is StagingState.REFUSED and not going(one)]
    unread = [one for one in refused[: -min(this.spec.history_limit, REFUSALS)] if one.metadata.uid not in guarded]
    gone = [*replaced, *rest[:beyond], *unread, *_lost(this)]
    return [Delete(one.metadata.name, one.metadata.uid) for one in gone]


def _guarded(this: Pass) -> set[str]:
    """Never collected: what the pointer and the way back name, the newest run's, and what is pinned."""
    named = (this.status.active, this.status.previous, this.status.latest)
    uids = {one.staged_run_ref.uid for one in named if one is not None}
    pinned = this.spec.pinned_run_ref
    if pinned is not None:
        uids |= {one.metadata.uid for one in this.kept_runs if one.spec.training_run_ref.name == pinned.name}
    return uids


def _replaced(this: Pass, staged: StagedRun) -> bool:
    """Whether another staging of the same run stands in its place, for the spec as it is."""
    return staged.spec.digest != this.digest and any(
        one.spec.training_run_ref.uid == staged.spec.training_run_ref.uid and one.spec.digest == this.digest
        for one in this.kept_runs
    )


def _lost(this: Pass) -> list[StagedRun]:
    """Those whose data is gone, once nothing names them."""
    active = this.status.active.staged_run_ref.uid if this.status.active is not None else None
    return [
        one
        for one in this.seen.staged
        if one.status.state is StagingState.LOST and not going(one) and one.metadata.uid != active
    ]
