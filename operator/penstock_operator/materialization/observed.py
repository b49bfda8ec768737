"""What the plan of a Materialization is made from, and what it may ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from penstock.api.stagedrun import StagedRun
from penstock.api.trainingjob import TrainingJob
from penstock.api.trainingrun import TrainingRun
from penstock.api.views import FeatureView, VectorCollection
from penstock.heartbeat import Heartbeat
from penstock_operator.loop.away import Away
from penstock_operator.ports import Object


@dataclass(frozen=True)
class Targets:
    """The views and collections that a Materialization names, as far as they are there."""

    views: Mapping[str, FeatureView] = field(default_factory=dict)
    collections: Mapping[str, VectorCollection] = field(default_factory=dict)


@dataclass(frozen=True)
class Observed:
    """The world around a Materialization."""

    artifacts: str = ""
    """The URI under which run directories are."""
    job: TrainingJob | None = None
    runs: Sequence[TrainingRun] = ()
    """Of the job of that name as it is now, the newest last."""
    staged: Sequence[StagedRun] = ()
    """Its own, those of the newest runs last."""
    occupied: frozenset[str] = frozenset()
    """Names of StagedRuns that are not its own, such as those of a predecessor on their way out."""
    targets: Targets = field(default_factory=Targets)
    missing: str = ""
    """What the spec names and is not there."""
    replicas: Sequence[Heartbeat] | Away = ()
    """What the gateways say that live."""
    conflict: str = ""
    """Which older Materialization feeds what this one names."""


@dataclass(frozen=True)
class Create:
    """Begin to stage a run."""

    obj: Object


@dataclass(frozen=True)
class Delete:
    """Delete a StagedRun."""

    name: str
    uid: str


@dataclass(frozen=True)
class RecordPointer:
    """Write a copy of the pointer beside the runs."""

    uri: str
    document: Object
    digest: str
    """Of the document."""


@dataclass(frozen=True)
class ForgetPointer:
    """Remove that copy."""

    uri: str


Action = Create | Delete | RecordPointer | ForgetPointer
