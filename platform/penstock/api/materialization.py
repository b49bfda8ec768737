"""Materialization: the standing intent to serve the newest good run of a TrainingJob."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from penstock.api.gates import Gate, GateResult
from penstock.api.meta import (
    Column,
    Identifier,
    LocalRef,
    Message,
    Model,
    Name,
    ObjectMeta,
    Reason,
    Resource,
    Rule,
    Run,
    Status,
    StatusModel,
)
from penstock.api.ray import STAYS, RayBackend
from penstock.api.views import Metric, Serving

MAX_KEPT_OUTPUTS = 128
"""Outputs of all the runs that a Materialization is asked to keep: the names of their data stand in its status."""
Physical = Annotated[str, StringConstraints(max_length=253)]


class FeatureMapping(Model):
    """An output of features and the view that it goes to."""

    name: Name = Field(description="Of the entry; one output may go to several views.")
    output: Identifier
    feature_view_ref: LocalRef


class VectorMapping(Model):
    """An output of embeddings, the collection that it goes to, and the encoder of its queries."""

    name: Name = Field(description="Of the entry; one output may go to several collections.")
    output: Identifier
    vector_collection_ref: LocalRef
    encoder: Identifier | None = Field(None, description="The encoder output that turns raw input into queries.")


class Promotion(StrEnum):
    """Who decides that a run that passed its gates is served."""

    AUTOMATIC = "Automatic"
    MANUAL = "Manual"


class MaterializationSpec(Model):
    """What goes where, past which gates, and how many runs are kept."""

    RULES = (
        STAYS,
        Rule(
            "self.trainingJobRef == oldSelf.trainingJobRef",
            "trainingJobRef cannot be changed: create another Materialization",
        ),
        Rule(
            "size(self.features) + size(self.vectors) > 0",
            "name at least one output in features or vectors",
        ),
        Rule(
            "self.features.all(f, self.features.exists_one(g, g.featureViewRef.name == f.featureViewRef.name))",
            "two outputs in features go to one FeatureView: give each a view of its own",
        ),
        Rule(
            "self.vectors.all(v, self.vectors.exists_one(w, w.vectorCollectionRef.name == v.vectorCollectionRef.name))",
            "two outputs in vectors go to one VectorCollection: give each a collection of its own",
        ),
        Rule(
            f"(size(self.features) + size(self.vectors)) * self.historyLimit <= {MAX_KEPT_OUTPUTS}",
            f"more than {MAX_KEPT_OUTPUTS} outputs of all kept runs: lower historyLimit, or stage fewer outputs",
        ),
    )

    training_job_ref: LocalRef
    features: list[FeatureMapping] = Field(default_factory=list, max_length=16)
    vectors: list[VectorMapping] = Field(default_factory=list, max_length=16)
    gates: list[Gate] = Field(max_length=64, description="What a run must hold to be served; `[]` lets every run pass.")
    ray: RayBackend | None = Field(None, description="Where runs are staged. Unset: the installation's own.")
    promotion: Promotion = Promotion.AUTOMATIC
    pinned_run_ref: LocalRef | None = Field(None, description="The kept run to serve, whatever newer ones there are.")
    history_limit: int = Field(
        3,
        ge=2,
        le=50,
        description="Staged runs kept, the active and previous ones included; "
        f"{MAX_KEPT_OUTPUTS} outputs in all at most.",
    )
    grace_period_seconds: int = Field(60, ge=0, le=86400, description="How long a dropped run's data outlives it.")
    staging_deadline_seconds: int = Field(3600, ge=1, le=31_536_000)
    staging_retry_limit: int = Field(3, ge=0, le=20)
    suspend: bool = Field(False, description="Stage and promote nothing; what is served stays.")

    @property
    def pinned_run(self) -> str | None:
        """The name of the run that is pinned; None where none is."""
        return self.pinned_run_ref.name if self.pinned_run_ref is not None else None


class RunState(StrEnum):
    """Where a run is on its way to serving and out of it."""

    STAGING = "Staging"
    STAGED = "Staged"
    REJECTED = "Rejected"
    RETIRING = "Retiring"


StagedKind = Literal["Features", "Embeddings"]


class StagedOutput(StatusModel):
    """One output of a run in a store."""

    output: Identifier
    kind: StagedKind
    resource: Annotated[str, StringConstraints(max_length=63)] = Field(
        description="The FeatureView or VectorCollection."
    )
    store: Annotated[str, StringConstraints(max_length=63)] = Field(description="The FeatureStore or VectorStore.")
    physical: Physical = Field(description="The Feast view or Milvus collection of this run.")
    rows: int = 0
    dimension: int | None = None
    recall: float | None = None
    index: Annotated[str, StringConstraints(max_length=63)] | None = None
    metric: Metric | None = None
    serving: Serving | None = None
    encoder: Identifier | None = None
    encoder_digest: Annotated[str, StringConstraints(max_length=80)] | None = None
    spec_digest: Annotated[str, StringConstraints(max_length=80)] = Field(
        "", description="Digest of the resource's spec that it was staged by."
    )
    retain: bool = Field(
        False, description="Whether the resource's deletionPolicy, as last seen, keeps this when all is deleted."
    )


class RunRecord(StatusModel):
    """A run that was, is being, or is no longer staged."""

    run: Run
    revision: int = Field(0, ge=0, description="Counts up each time the run is staged again for a changed spec.")
    staging: int = Field(0, ge=0, description="Which staging of the Materialization this is, of all that it began.")
    state: RunState
    uri: Annotated[str, StringConstraints(max_length=2048)] = Field("", description="The run directory.")
    stage_uri: Annotated[str, StringConstraints(max_length=2048)] = Field(
        "", description="Where the staging, while it goes on, keeps its own files."
    )
    spec_digest: Annotated[str, StringConstraints(max_length=80)] = Field(
        "", description="Digest of what the run was staged by: mappings, gates, views and collections."
    )
    tries: int = Field(0, ge=0, description="How often the staging was tried.")
    submission_id: Annotated[str, StringConstraints(max_length=128)] = ""
    session: Annotated[str, StringConstraints(max_length=128)] = ""
    submitted: bool = Field(False, description="Whether Ray was seen to have the submission.")
    stopping: Annotated[str, StringConstraints(max_length=128)] = Field(
        "", description="Why the staging is being stopped."
    )
    reason: Annotated[str, StringConstraints(max_length=128)] = Field("", description="Why it was rejected.")
    started_at: datetime | None = None
    finished_at: datetime | None = None
    retire_at: datetime | None = Field(None, description="When its data is due to be dropped.")
    drop_error: Message = Field("", description="Why its data could not be dropped.")
    drop_at: datetime | None = Field(None, description="When a drop that failed is tried again.")
    retained: bool = Field(False, description="Whether the job's deletionPolicy keeps the run directory.")
    outputs: list[StagedOutput] = Field(default_factory=list, max_length=32)
    gates_passed: int = Field(0, ge=0, description="How many gates it passed.")
    gates_failed: int = Field(0, ge=0, description="How many gates refused it.")
    gates: list[GateResult] = Field(
        default_factory=list,
        max_length=64,
        description="All of them for the newest record, the newest that is staged and the active one; for others the "
        "first that failed.",
    )
    message: Message = Field("", description="Of a record whose gates are not all here it is cut to 512 bytes.")


class Target(StatusModel):
    """A view or collection that the spec names, as it was last seen: one that is gone for a while is no change."""

    kind: StagedKind
    resource: Annotated[str, StringConstraints(max_length=63)]
    spec_digest: Annotated[str, StringConstraints(max_length=80)]


class Active(StatusModel):
    """The pointer: everything that is served under one name, of one run."""

    run: Run
    revision: int = Field(0, ge=0, description="Which staging of the run.")
    uri: Annotated[str, StringConstraints(max_length=2048)]
    switched_at: datetime
    outputs: list[StagedOutput] = Field(default_factory=list, max_length=32)


class MaterializationStatus(Status):
    """The pointer and the history around it."""

    active: Active | None = Field(None, description="What is served. Readers follow this and nothing else.")
    previous_run: Run | None = Field(None, description="The run served before: what a rollback goes back to.")
    runs: list[RunRecord] = Field(
        default_factory=list, max_length=256, description="Each staging of a run, the newest last."
    )
    stagings: int = Field(0, ge=0, description="How many stagings were begun.")
    targets: list[Target] = Field(
        default_factory=list,
        max_length=32,
        description="The views and collections that the spec names.",
    )
    ended: list[Annotated[str, StringConstraints(max_length=128)]] = Field(
        default_factory=list,
        max_length=64,
        description="Ray jobs of stagings that have ended: the newest are kept for their logs, the others forgotten.",
    )
    retry_at: datetime | None = None
    active_run: Run | None = Field(None, description="The active run, for people.")


class MaterializationReason(Reason):
    """Reasons of `Ready`: whether a run is served."""

    SERVING = ("Serving", "A run is active.")
    NO_RUN = ("NoRun", "No run has been promoted yet.", "Look at the conditions Staged and Promoted.")
    DELETING = ("Deleting", "It is being deleted.")


class StagedReason(Reason):
    """Reasons of `Staged`: whether the newest run of the job is in the stores and past its gates."""

    WAITING_FOR_RUN = ("WaitingForRun", "The TrainingJob has no successful run yet.", "Look at the TrainingJob.")
    MISSING_REFERENCE = (
        "MissingReference",
        "A TrainingJob, view, collection or store that the spec names is not there.",
        "Create it, or correct the name.",
    )
    STORE_NOT_READY = ("StoreNotReady", "A store is not ready.", "Look at the conditions of the store.")
    STAGING = ("Staging", "The run is being written to the stores.")
    BACKING_OFF = ("BackingOff", "The staging failed and is tried again after the back-off.", "Read the message.")
    STAGING_FAILED = (
        "StagingFailed",
        "Every try that the retry limit allows has failed; the message ends with the last log lines.",
        "Mend the cause; a new run is staged afresh.",
    )
    INVALID_OUTPUT = (
        "InvalidOutput",
        "The run's output breaks the contract: the message names the output, the column and the value.",
        "Mend the training code and run it again, or correct the view or collection.",
    )
    DEADLINE_EXCEEDED = (
        "DeadlineExceeded",
        "Every try that the retry limit allows has failed, the last by taking longer than spec.stagingDeadlineSeconds.",
        "Raise the deadline, or find what is slow; a new run is staged afresh.",
    )
    SUPERSEDED = (
        "Superseded",
        "spec.features, vectors or gates, or what they name, changed while the run was being staged; it is staged "
        "again under them.",
    )
    GATE_FAILED = (
        "GateFailed",
        "A gate refused the run; the message names the gate, the value and the bound.",
        "Train a better run, or change the gate.",
    )
    HISTORY_FULL = (
        "HistoryFull",
        "The status has no room for another staging: too much that was staged before is kept, or could not be dropped.",
        "Mend what status.runs[].dropError tells of, or lower spec.historyLimit.",
    )
    STAGED = ("Staged", "The newest run is staged and passed its gates.")
    RAY_UNREACHABLE = ("RayUnreachable", "Ray did not answer.", "Check that Ray runs: `penstock doctor`.")
    SUSPENDED = ("Suspended", "The Materialization is suspended.", "`penstock resume materialization/NAME`.")


class PromotedReason(Reason):
    """Reasons of `Promoted`: whether what should be served is served, under its public names too."""

    PROMOTED = ("Promoted", "The run that should be served is served.")
    PINNED = ("Pinned", "The pinned run is served.")
    AWAITING_PROMOTION = (
        "AwaitingPromotion",
        "A staged run waits for a person.",
        "`penstock promote NAME` serves it.",
    )
    PINNED_RUN_UNAVAILABLE = (
        "PinnedRunUnavailable",
        "The pinned run is not staged; what was served stays.",
        "Pin a run that `penstock get materialization NAME -o yaml` lists as Staged.",
    )
    NOTHING_STAGED = ("NothingStaged", "There is no run to promote.", "Look at the condition Staged.")
    SUSPENDED = ("Suspended", "The Materialization is suspended.", "`penstock resume materialization/NAME`.")


class Materialization(Resource):
    """Runs of a TrainingJob, carried through gates into serving."""

    PLURAL = "materializations"
    SHORT = ("mat",)
    COLUMNS = (
        Column("Ready", '.status.conditions[?(@.type=="Ready")].status'),
        Column("Active", ".status.activeRun"),
        Column("Staged", '.status.conditions[?(@.type=="Staged")].reason'),
        Column("Promoted", '.status.conditions[?(@.type=="Promoted")].reason'),
        Column("Age", ".metadata.creationTimestamp", "date"),
        Column("Previous", ".status.previousRun", priority=1),
        Column("Job", ".spec.trainingJobRef.name", priority=1),
    )
    CONDITIONS: ClassVar[dict[str, type[Reason]]] = {
        "Ready": MaterializationReason,
        "Staged": StagedReason,
        "Promoted": PromotedReason,
    }

    kind: Literal["Materialization"] = "Materialization"
    metadata: ObjectMeta
    spec: MaterializationSpec
    status: MaterializationStatus = Field(default_factory=MaterializationStatus)
