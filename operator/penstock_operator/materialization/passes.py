"""One plan of a Materialization in the making. Pure."""

from __future__ import annotations

from datetime import datetime

from penstock.api.materialization import Materialization, MaterializationStatus, StagedRunName
from penstock.api.meta import UidRef
from penstock.api.stagedrun import StagedRun, StagedRunReason, StagingState
from penstock.api.trainingrun import TrainingRun
from penstock_operator.loop.conditions import find
from penstock_operator.loop.draft import Draft
from penstock_operator.materialization.observed import Observed
from penstock_operator.materialization.targets import staging_digest


class Pass(Draft):
    """A copy of the status, the world and the clock."""

    def __init__(self, mat: Materialization, seen: Observed, now: datetime, since: datetime) -> None:
        self.mat, self.spec, self.seen, self.now, self.since = mat, mat.spec, seen, now, since
        self.status: MaterializationStatus = mat.status.model_copy(deep=True)
        self.generation = mat.metadata.generation
        self.digest = None if seen.missing else staging_digest(mat.metadata.uid, mat.spec, seen.targets)
        """Of what a run is staged by; None while something of it is not there."""

    @property
    def kept_runs(self) -> list[StagedRun]:
        """The runs that are staged and stay so, those of the newest runs last."""
        return [one for one in self.seen.staged if one.status.state is StagingState.STAGED and not going(one)]

    @property
    def trained(self) -> list[TrainingRun]:
        """The runs of the job that stay, the newest last."""
        return [one for one in self.seen.runs if one.metadata.deletion_timestamp is None]

    def refused(self, run: str) -> StagedRun | None:
        """By which a run was refused, for the spec as it is."""
        return next(
            (
                one
                for one in self.seen.staged
                if one.spec.training_run_ref.name == run
                and one.spec.digest == self.digest
                and one.status.state is StagingState.REFUSED
                and not self.is_mended(one)
            ),
            None,
        )

    def is_mended(self, staged: StagedRun) -> bool:
        """Whether it was refused for a spec.ray that is another one by now, and which is no part of the digest."""
        ready = find(staged.status.conditions, "Ready")
        return ready is not None and ready.reason == StagedRunReason.INVALID_SPEC and staged.spec.ray != self.spec.ray

    @property
    def active(self) -> StagedRun | None:
        """What the pointer names, while it has its data."""
        return self._whole(self.status.active) if self.status.active is not None else None

    def has_data(self, name: StagedRunName) -> bool:
        """Whether a StagedRun that a status names is there and has its data."""
        return self._whole(name) is not None

    def _whole(self, name: StagedRunName) -> StagedRun | None:
        whole = (one for one in self.seen.staged if one.status.state is StagingState.STAGED)
        return next((one for one in whole if one.metadata.uid == name.staged_run_ref.uid), None)

    @property
    def lost(self) -> bool:
        """Whether the pointer names what is not there any more."""
        return self.status.active is not None and self.active is None


def going(staged: StagedRun) -> bool:
    """Whether it is on its way out."""
    return staged.metadata.deletion_timestamp is not None


def name_of(staged: StagedRun) -> StagedRunName:
    """How a status names it."""
    ref = UidRef(name=staged.metadata.name, uid=staged.metadata.uid)
    return StagedRunName(run=staged.spec.training_run_ref.name, staged_run_ref=ref)
