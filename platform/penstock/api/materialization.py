"""Materialization: the standing intent to serve the newest good run of a TrainingJob."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from penstock.api.gates import Gate
from penstock.api.meta import (
    Column,
    Identifier,
    LocalRef,
    Model,
    Name,
    ObjectMeta,
    Reason,
    Resource,
    Rule,
    Run,
    Status,
    StatusModel,
    UidRef,
)
from penstock.api.ray import STAYS, RayBackend
from penstock.api.stagedrun import StagedOutput

MAX_CANARIES = 32_768
"""Characters of the ids of canaries: a staging gets them in one variable, which Linux lets have 128 KiB."""


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
            "self.gates.map(g, has(g.canaries) ? g.canaries.queries.map(q, "
            f"size(q.id) + q.expect.map(e, size(e)).sum()).sum() : 0).sum() <= {MAX_CANARIES}",
            f"the ids of all canaries hold more than {MAX_CANARIES} characters: name fewer",
        ),
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
    )

    training_job_ref: LocalRef
    features: list[FeatureMapping] = Field(default_factory=list, max_length=16)
    vectors: list[VectorMapping] = Field(default_factory=list, max_length=16)
    gates: list[Gate] = Field(max_length=64, description="What a run must hold to be served; `[]` lets every run pass.")
    ray: RayBackend | None = Field(None, description="Where runs are staged. Unset: the installation's own.")
    promotion: Promotion = Promotion.AUTOMATIC
    pinned_run_ref: LocalRef | None = Field(
        None, description="The TrainingRun to serve, whatever newer ones there are; it is staged if it is not."
    )
    history_limit: int = Field(
        3,
        ge=2,
        le=50,
        description="Staged runs kept, the active and previous ones included.",
    )
    grace_period_seconds: int = Field(60, ge=0, le=86400, description="How long a dropped run's data outlives it.")
    staging_deadline_seconds: int = Field(3600, ge=1, le=31_536_000)
    staging_retry_limit: int = Field(3, ge=0, le=20)
    suspend: bool = Field(False, description="Stage and promote nothing; what is served stays.")

    @property
    def pinned_run(self) -> str | None:
        """The name of the run that is pinned; None where none is."""
        return self.pinned_run_ref.name if self.pinned_run_ref is not None else None


class StagedRunName(StatusModel):
    """A StagedRun, and the run that it staged."""

    run: Run
    staged_run_ref: UidRef


class Active(StagedRunName):
    """The pointer: everything that is served under one name, of one run. It names all that a gateway needs."""

    uri: Annotated[str, StringConstraints(max_length=2048)] = Field(description="The run directory.")
    trained_at: datetime = Field(description="When the manifest of the run was written.")
    switched_at: datetime
    outputs: list[StagedOutput] = Field(default_factory=list, max_length=32)


class MaterializationStatus(Status):
    """The pointer, and what it may be moved to."""

    active: Active | None = Field(None, description="What is served. Readers follow this and nothing else.")
    previous: StagedRunName | None = Field(None, description="What was served before: a rollback goes back to it.")
    latest: StagedRunName | None = Field(None, description="The staging of the newest run.")
    recorded: Annotated[str, StringConstraints(max_length=80)] | None = Field(
        None,
        description="Digest of the copy in the artifact store, from which this, its pointer and the StagedRuns that it "
        "names can be made again.",
    )


class MaterializationReason(Reason):
    """Reasons of `Ready`: whether a run is served."""

    SERVING = ("Serving", "A run is active.")
    CONFLICT = (
        "Conflict",
        "An older Materialization feeds a view or collection that this one names; this one stages nothing.",
        "Name a view and a collection of its own, or delete one of the two.",
    )
    DATA_LOST = (
        "DataLost",
        "What is served has gone from a store; the run is staged again.",
        "Find out who removed what the message names.",
    )
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
    CONFLICT = (
        "Conflict",
        "An older Materialization feeds a view or collection that this one names.",
        "Name a view and a collection of its own, or delete one of the two.",
    )
    STAGING = ("Staging", "The newest run is being staged: its StagedRun says how far.")
    SUPERSEDED = (
        "Superseded",
        "spec.features, vectors or gates, or what they name, changed while the run was being staged; it is staged "
        "again under them.",
    )
    BACKING_OFF = ("BackingOff", "A try failed and is repeated after the back-off.", "Read the message.")
    STORE_NOT_READY = ("StoreNotReady", "A store is not ready.", "Look at the conditions of the store.")
    RAY_UNREACHABLE = ("RayUnreachable", "Ray did not answer.", "Check that Ray runs: `penstock doctor`.")
    STAGING_FAILED = (
        "StagingFailed",
        "Every try that the retry limit allows has failed; the message ends with the last log lines.",
        "Mend the cause and delete the StagedRun: it is made again. A new run is staged afresh.",
    )
    DEADLINE_EXCEEDED = (
        "DeadlineExceeded",
        "Every try that the retry limit allows has failed, the last by taking longer than spec.stagingDeadlineSeconds.",
        "Raise the deadline, or find what is slow; then delete the StagedRun: it is made again.",
    )
    INVALID_OUTPUT = (
        "InvalidOutput",
        "The run's output breaks the contract: the message names the output, the column and the value.",
        "Mend the training code and run it again, or correct the view or collection.",
    )
    INVALID_SPEC = (
        "InvalidSpec",
        "What the staging asks of Ray or KubeRay was refused as wrong in itself; the message names the field.",
        "Correct spec.ray: the run is staged again. Where something else was mended, delete the StagedRun.",
    )
    GATE_FAILED = (
        "GateFailed",
        "A gate refused the run; the message names the gate, the value and the bound.",
        "Train a better run, or change the gate.",
    )
    STAGED = ("Staged", "The newest run is staged and passed its gates.")
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
    STAGING_PINNED_RUN = ("StagingPinnedRun", "The pinned run is staged first; what was served stays meanwhile.")
    PINNED_RUN_UNAVAILABLE = (
        "PinnedRunUnavailable",
        "The pinned run was refused, or is no run of the job; what was served stays.",
        "Pin a run that `penstock get trainingruns` lists; it is staged, if its gates let it pass.",
    )
    CONFLICT = ("Conflict", "An older Materialization feeds what this one names.", "Look at the condition Ready.")
    NOTHING_STAGED = ("NothingStaged", "There is no run to promote.", "Look at the condition Staged.")
    SUSPENDED = ("Suspended", "The Materialization is suspended.", "`penstock resume materialization/NAME`.")


class ServedReason(Reason):
    """Reasons of `Served`: whether the gateways answer with the active run, as each says of itself."""

    SERVED = ("Served", "Every gateway that is known answers with the active run.")
    LOADING = ("Loading", "A gateway is loading the active run; it answers with the one before meanwhile.")
    NOT_LOADED = (
        "NotLoaded",
        "A gateway does not answer with the active run, but with the one before, or not at all.",
        "The message names the gateway and what is wrong; its log says more.",
    )
    NO_RUN = ("NoRun", "There is no active run: the condition Promoted says why.")
    NO_GATEWAY = (
        "NoGateway",
        "No gateway is heard of: there is none, or it may not write its Lease.",
        "`penstock doctor` shows the gateway; its /readyz names a right that it lacks.",
    )


class Materialization(Resource):
    """Runs of a TrainingJob, carried through gates into serving."""

    PLURAL = "materializations"
    SHORT = ("mat",)
    COLUMNS = (
        Column("Ready", '.status.conditions[?(@.type=="Ready")].status'),
        Column("Active", ".status.active.run"),
        Column("Staged", '.status.conditions[?(@.type=="Staged")].reason'),
        Column("Promoted", '.status.conditions[?(@.type=="Promoted")].reason'),
        Column("Served", '.status.conditions[?(@.type=="Served")].status'),
        Column("Age", ".metadata.creationTimestamp", "date"),
        Column("Previous", ".status.previous.run", priority=1),
        Column("Job", ".spec.trainingJobRef.name", priority=1),
    )
    CONDITIONS: ClassVar[dict[str, type[Reason]]] = {
        "Ready": MaterializationReason,
        "Staged": StagedReason,
        "Promoted": PromotedReason,
        "Served": ServedReason,
    }

    kind: Literal["Materialization"] = "Materialization"
    metadata: ObjectMeta
    spec: MaterializationSpec
    status: MaterializationStatus = Field(default_factory=MaterializationStatus)
