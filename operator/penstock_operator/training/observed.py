"""What the plan of a TrainingJob is made from, and what it may ask for."""

from __future__ import annotations

from dataclasses import dataclass, field

from penstock.api.trainingjob import Attempt
from penstock.rundir.manifest import Manifest
from penstock.rundir.progress import Progress
from penstock.sources.archive import Archive
from penstock_operator.ports import RayJob


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
class Observed:
    """The world around a TrainingJob."""

    session: str | None = None
    """The Ray session; None when Ray does not answer."""
    ray_error: str = ""
    job: RayJob | None = None
    """The Ray job of the current attempt."""
    log_tail: str = ""
    manifest: Manifest | None = None
    manifest_error: str = ""
    progress: Progress | None = None
    kept_seconds: int | None = None
    """How long an idle Ray cluster that waits for the next attempt may stay; None where there is none."""
    code: Code = Code()
    missing_secret: str = ""
    checkpoints: frozenset[str] = field(default_factory=frozenset)
    """The runs of failed and stopped attempts that left a checkpoint."""
    protected: frozenset[str] = field(default_factory=frozenset)
    """The runs that a Materialization serves or keeps."""


@dataclass(frozen=True)
class StoreSource:
    """Put an archive of code into the artifact store."""

    archive: Archive


@dataclass(frozen=True)
class SweepSources:
    """Remove archives of code that no job names any more."""


@dataclass(frozen=True)
class Submit:
    """Submit the recorded attempt."""

    attempt: Attempt


@dataclass(frozen=True)
class Stop:
    """Stop the attempt's Ray job."""

    submission_id: str


@dataclass(frozen=True)
class Forget:
    """Delete an ended Ray job."""

    submission_id: str


@dataclass(frozen=True)
class Release:
    """Give back the Ray cluster that waits for a next attempt."""


@dataclass(frozen=True)
class DeleteRun:
    """Delete a run directory."""

    run: str


Action = StoreSource | SweepSources | Submit | Stop | Forget | Release | DeleteRun
