"""What the plan of a Materialization is made from, and what it may ask for."""

from __future__ import annotations

from dataclasses import dataclass, field

from penstock.api.materialization import RunRecord, StagedOutput
from penstock.api.stores import FeatureStore, VectorStore
from penstock.api.trainingjob import TrainingJob
from penstock.api.views import FeatureView, VectorCollection
from penstock.handoff import StagingReport
from penstock_operator.ports import RayJob


@dataclass(frozen=True)
class Targets:
    """The objects that a Materialization names, as far as they are there."""

    views: dict[str, FeatureView] = field(default_factory=dict)
    collections: dict[str, VectorCollection] = field(default_factory=dict)
    feature_stores: dict[str, FeatureStore] = field(default_factory=dict)
    vector_stores: dict[str, VectorStore] = field(default_factory=dict)


@dataclass(frozen=True)
class Observed:
    """The world around a Materialization."""

    artifacts: str = ""
    """The URI under which run directories are."""
    job: TrainingJob | None = None
    targets: Targets = field(default_factory=Targets)
    missing: str = ""
    """What the spec names and is not there."""
    not_ready: str = ""
    """Which store is not ready, and why."""
    session: str | None = None
    ray_error: str = ""
    staging: RayJob | None = None
    """The Ray job of the run that is being staged."""
    report: StagingReport | None = None
    report_error: str = ""
    """Why a report that is there cannot be read; the next try writes another."""
    log_tail: str = ""
    progress: str = ""
    ended: frozenset[str] = frozenset()
    """The Ray jobs that the status lists to be forgotten and that have indeed ended."""


@dataclass(frozen=True)
class Stage:
    """Submit the recorded staging."""

    record: RunRecord
    targets: Targets
    """As they were when it was found that the staging was recorded for them: they may have changed since."""


@dataclass(frozen=True)
class StopStaging:
    """Stop the staging's Ray job."""

    submission_id: str


@dataclass(frozen=True)
class Forget:
    """Delete an ended Ray job."""

    submission_id: str


@dataclass(frozen=True)
class Drop:
    """Drop a run's view or collection."""

    output: StagedOutput
    public: bool = False
    """Whether the public name goes first, if it stands for this output."""


@dataclass(frozen=True)
class DropRun:
    """Delete the directory of a run whose TrainingJob is gone."""

    uri: str
