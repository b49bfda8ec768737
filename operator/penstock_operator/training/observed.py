"""What the plan of a TrainingJob is made from."""

from __future__ import annotations

from dataclasses import dataclass, field

from penstock.rundir.manifest import Manifest
from penstock.rundir.progress import Progress
from penstock.sources.archive import Archive
from penstock_operator.loop.away import Away
from penstock_operator.ports import Object, RayJob

NOT_ASKED = Away("It was not asked")


@dataclass(frozen=True)
class Code:
    """What was found of the code of a job."""

    invalid: str = ""
    """What in the spec must change."""
    missing: str = ""
    """What the spec names and is not there."""
    revision: str | None = None
    """The commit, or the digest of the archive."""
    unstored: Archive | None = None
    """The archive, if the artifact store has it not."""


@dataclass(frozen=True)
class RaySeen:
    """What Ray says."""

    session: str
    job: RayJob | None = None
    """Of the current attempt."""
    log_tail: str = ""
    kept_seconds: int | None = None
    """How long an idle Ray cluster that waits for the next attempt may stay; None where there is none."""
    deletable: bool = False
    """Whether others may delete a job of this Ray before it ends: one that is not there may have been there."""


@dataclass(frozen=True)
class Broken:
    """There is no whole manifest, and why."""

    cause: str


@dataclass(frozen=True)
class RecordedRun:
    """A TrainingRun of the job, and not of a predecessor of its name, that is not being deleted."""

    name: str
    attempt: int
    deletion_policy: str
    held: bool = False
    """Whether a StagedRun holds it; looked at where the history has one too many."""
    object: Object = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True)
class Observed:
    """The world around a TrainingJob: each part of it known, or away."""

    ray: RaySeen | Away = NOT_ASKED
    run_uri: str = ""
    """The run directory of the current attempt."""
    manifest: Manifest | Broken | Away = NOT_ASKED
    progress: Progress | Away | None = None
    code: Code | Away = Code()
    missing_secret: str = ""
    checkpoints: frozenset[str] | Away = frozenset()
    """The runs of failed and stopped attempts that left a checkpoint."""
    runs: tuple[RecordedRun, ...] = ()
    """By attempt."""
