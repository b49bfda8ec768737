"""What the plan of a StagedRun is made from, and what it may ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from penstock.api.materialization import Materialization
from penstock.api.meta import DeletionPolicy
from penstock.api.stagedrun import StagedKind, StagedOutput
from penstock.api.stores import FeatureStore, VectorStore
from penstock.handoff import StagingReport
from penstock_operator.loop.away import Away
from penstock_operator.ports import RayJob
from penstock_operator.rayactions import Forget, Stop


@dataclass(frozen=True)
class Stores:
    """The stores that a StagedRun names, as far as they are there."""

    features: Mapping[str, FeatureStore] = field(default_factory=dict)
    vectors: Mapping[str, VectorStore] = field(default_factory=dict)
    missing: str = ""
    """Which is not there."""
    not_ready: str = ""
    """Which is not ready, and why."""


@dataclass(frozen=True)
class RaySeen:
    """What Ray says."""

    session: str
    job: RayJob | None = None
    """Of the latest try."""
    log_tail: str = ""


@dataclass(frozen=True)
class Finding:
    """What the latest try left in the artifact store."""

    report: StagingReport | None = None
    corrupt: str = ""
    """Why a report that is there cannot be read; the next try writes another."""
    progress: str | None = None


@dataclass(frozen=True)
class Observed:
    """The world around a StagedRun."""

    materialization: Materialization | None = None
    """That made it; None where it is gone."""
    stores: Stores = field(default_factory=Stores)
    ray: RaySeen | Away = field(default_factory=lambda: Away("Ray was not asked"))
    finding: Finding | Away = field(default_factory=Finding)
    policies: Mapping[tuple[StagedKind, str], DeletionPolicy] = field(default_factory=dict)
    """Of the views and collections that are there."""
    lost: tuple[str, ...] = ()
    """What of a run that is served, pinned or previous is in its store no more."""


@dataclass(frozen=True)
class Submit:
    """Submit the recorded try."""

    submission_id: str


@dataclass(frozen=True)
class Drop:
    """Drop a view or collection."""

    output: StagedOutput
    public: bool = False
    """Whether the public name goes first, if it stands for this."""

    def __str__(self) -> str:
        """What is dropped, and where."""
        what, store = ("view", "FeatureStore") if self.output.kind == "Features" else ("collection", "VectorStore")
        return f"{what} {self.output.physical!r} in {store} {self.output.store!r}"


@dataclass(frozen=True)
class RemoveFiles:
    """Remove what the tries wrote beside the run."""

    def __str__(self) -> str:
        """What is removed."""
        return "what its tries wrote beside the run"


Action = Submit | Stop | Forget | Drop | RemoveFiles
