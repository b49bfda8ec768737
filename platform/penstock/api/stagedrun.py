"""StagedRun: one TrainingRun, loaded into the stores for one Materialization as its targets and gates then were."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from penstock.api.gates import Gate, GateResult
from penstock.api.meta import (
    Column,
    Identifier,
    Message,
    Model,
    ObjectMeta,
    Reason,
    Resource,
    Rule,
    Run,
    StalledReason,
    Status,
    StatusModel,
    UidRef,
)
from penstock.api.ray import RayBackend
from penstock.api.views import CollectionShape, Metric, Serving, ViewShape

MATERIALIZATION_LABEL = "penstock.dev/materialization"
"""Label of a StagedRun: the Materialization that made it."""
RUN_LABEL = "penstock.dev/run"
"""Label of a StagedRun: its TrainingRun."""


class StagedView(ViewShape):
    """An output of features, and the FeatureView that it goes to as it then was."""

    output: Identifier
    feature_view_ref: UidRef


class StagedCollection(CollectionShape):
    """An output of embeddings, and the VectorCollection that it goes to as it then was."""

    output: Identifier
    vector_collection_ref: UidRef
    encoder: Identifier | None = Field(None, description="The encoder output that turns raw input into queries.")


class Baseline(Model):
    """The run that was served when the staging began: what the gates that compare compare with."""

    run: Run
    uri: Annotated[str, StringConstraints(min_length=1, max_length=2048)]


class StagedRunSpec(Model):
    """What is staged, from where, to where and past which gates: resolved and frozen."""

    RULES = (Rule("self == oldSelf", "a staging is a record of what was asked for then: change the Materialization"),)

    materialization_ref: UidRef
    training_run_ref: UidRef
    uri: Annotated[str, StringConstraints(min_length=1, max_length=2048)] = Field(description="The run directory.")
    trained_at: datetime = Field(description="When the manifest of the run was written.")
    digest: Annotated[str, StringConstraints(max_length=80)] = Field(
        description="Of mappings, gates and targets: another StagedRun is made for the run when they change."
    )
    features: list[StagedView] = Field(default_factory=list, max_length=16)
    vectors: list[StagedCollection] = Field(default_factory=list, max_length=16)
    gates: list[Gate] = Field(default_factory=list, max_length=64)
    baseline: Baseline | None = None
    ray: RayBackend | None = Field(None, description="Where it is staged. Unset: the installation's own.")
    deadline_seconds: int = Field(ge=1, description="Seconds that a try may take.")
    retry_limit: int = Field(ge=0, description="Tries after the first one.")
    grace_period_seconds: int = Field(ge=0, description="How long its data outlives its retirement.")


StagedKind = Literal["Features", "Embeddings"]


class StagedOutput(StatusModel):
    """One output of a run in a store."""

    output: Identifier
    kind: StagedKind
    resource: Annotated[str, StringConstraints(max_length=63)] = Field(
        description="The FeatureView or VectorCollection."
    )
    store: Annotated[str, StringConstraints(max_length=63)] = Field(description="The FeatureStore or VectorStore.")
    physical: Annotated[str, StringConstraints(max_length=253)] = Field(
        description="The Feast view or Milvus collection, which is this StagedRun's own."
    )
    rows: int = 0
    dimension: int | None = None
    recall: float | None = None
    index: Annotated[str, StringConstraints(max_length=63)] | None = None
    metric: Metric | None = None
    serving: Serving | None = None
    encoder: Identifier | None = None
    encoder_digest: Annotated[str, StringConstraints(max_length=80)] | None = None
    retain: bool = Field(
        False, description="Whether the resource's deletionPolicy, as last seen, keeps this when all is deleted."
    )


class StagingState(StrEnum):
    """Where a staging is; `Staged` and `Refused` and `Lost` are its ends."""

    PENDING = "Pending"
    STAGING = "Staging"
    STAGED = "Staged"
    REFUSED = "Refused"
    LOST = "Lost"


class KeptAs(StrEnum):
    """What a Materialization needs a staged run for."""

    ACTIVE = "Active"
    PINNED = "Pinned"
    PREVIOUS = "Previous"


class Try(StatusModel):
    """The Ray job that is staging, or did last: written before it is submitted, so that a crash cannot double it."""

    number: int = Field(ge=1, description="Counts up over the life of the staging.")
    submission_id: Annotated[str, StringConstraints(max_length=128)]
    session: Annotated[str, StringConstraints(max_length=128)] = Field(
        "", description="The Ray session that it is submitted to; another one never gets it."
    )
    submitted: bool = Field(False, description="Whether Ray was seen to have the submission.")
    started_at: datetime | None = None
    stopping: Annotated[str, StringConstraints(max_length=128)] = Field("", description="Why it is being stopped.")
    stopping_since: datetime | None = Field(None, description="When it was first asked to stop.")
    ended: bool = False


class StagedRunStatus(Status):
    """How far the staging is, what it made, and what its gates found."""

    state: StagingState = StagingState.PENDING
    latest_try: Try | None = None
    tries: int = Field(0, ge=0, description="How often it was tried.")
    unbegun: int = Field(0, ge=0, description="How many of these Ray could not begin: they are no fault of the run.")
    retry_at: datetime | None = None
    finished_at: datetime | None = Field(None, description="When it was staged or refused: it will not be tried again.")
    progress: Annotated[str, StringConstraints(max_length=64)] | None = Field(
        None, description="How far, for people: step/total."
    )
    outputs: list[StagedOutput] = Field(
        default_factory=list, max_length=32, description="What is in the stores, or may be: named before it is made."
    )
    gates: list[GateResult] = Field(default_factory=list, max_length=64)
    kept_as: KeptAs | None = Field(None, description="What its Materialization needs it for.")
    retire_at: datetime | None = Field(None, description="Of a deleted one: when its data is due to be dropped.")
    drop_error: Message = Field("", description="Why its data could not be dropped.")


class StagedRunReason(Reason):
    """Reasons of `Ready`: whether the run is in the stores, verified and past its gates."""

    PENDING = ("Pending", "The staging has not begun yet.")
    STAGING = ("Staging", "The run is being written to the stores.")
    BACKING_OFF = ("BackingOff", "A try failed and is repeated after the back-off.", "Read the message.")
    STAGED = ("Staged", "The run is in the stores, verified, and past its gates.")
    STAGING_FAILED = (
        "StagingFailed",
        "Every try that the retry limit allows has failed; the message ends with the last log lines.",
        "Mend the cause and delete the StagedRun: it is made again. A new run is staged afresh.",
    )
    INVALID_OUTPUT = (
        "InvalidOutput",
        "The run's output breaks the contract: the message names the output, the column and the value.",
        "Mend the training code and run it again, or correct the view or collection.",
    )
    DEADLINE_EXCEEDED = (
        "DeadlineExceeded",
        "Every try that the retry limit allows has failed, the last by taking longer than spec.stagingDeadlineSeconds.",
        "Raise the Materialization's deadline, or find what is slow; then delete the StagedRun: it is made again.",
    )
    INVALID_SPEC = (
        "InvalidSpec",
        "What the staging asks of Ray or KubeRay was refused as wrong in itself; the message names the field.",
        "Correct spec.ray of the Materialization: the run is staged again.",
    )
    GATE_FAILED = (
        "GateFailed",
        "A gate refused the run; the message names the gate, the value and the bound.",
        "Train a better run, or change the gate.",
    )
    DATA_LOST = (
        "DataLost",
        "What it had in a store is gone; its Materialization stages the run again.",
        "Find out who removed what the message names.",
    )
    MISSING_REFERENCE = ("MissingReference", "A store that the spec names is not there.", "Create it.")
    STORE_NOT_READY = ("StoreNotReady", "A store is not ready.", "Look at the conditions of the store.")
    RAY_UNREACHABLE = ("RayUnreachable", "Ray did not answer.", "Check that Ray runs: `penstock doctor`.")
    ARTIFACTS_UNREACHABLE = (
        "ArtifactsUnreachable",
        "The artifact store did not answer, so that what a try has found is not known yet.",
        "Check that it can be reached: `penstock doctor`.",
    )
    STOPPING = ("Stopping", "It is being deleted, and its Ray job is being stopped.")
    HELD = (
        "Held",
        "It is being deleted, and is served, pinned or the previous run: its data stays until that ends.",
        "Promote another run.",
    )
    RETIRING = ("Retiring", "It is being deleted: its data stays for the grace period of its Materialization.")
    DROPPING = ("Dropping", "It is being deleted: its data is being dropped.")


class StepReason(Reason):
    """Reasons of `Loaded`, `Verified` and `GatesPassed`: the steps of a staging, one after the other."""

    DONE = ("Done", "The step is done.")
    NOT_YET = ("NotYet", "The step has not been reached.")
    FAILED = ("Failed", "The step failed; Ready says why.", "Look at the condition Ready.")


class StagedRun(Resource):
    """A TrainingRun on its way through loading, verification and gates, for one Materialization."""

    PLURAL = "stagedruns"
    SHORT = ("srun",)
    COLUMNS = (
        Column("Ready", '.status.conditions[?(@.type=="Ready")].status'),
        Column("Reason", '.status.conditions[?(@.type=="Ready")].reason'),
        Column("Materialization", ".spec.materializationRef.name"),
        Column("Run", ".spec.trainingRunRef.name"),
        Column("Kept as", ".status.keptAs"),
        Column("Age", ".metadata.creationTimestamp", "date"),
        Column("Progress", ".status.progress", priority=1),
        Column("Tries", ".status.tries", "integer", 1),
    )
    CONDITIONS: ClassVar[dict[str, type[Reason]]] = {
        "Ready": StagedRunReason,
        "Loaded": StepReason,
        "Verified": StepReason,
        "GatesPassed": StepReason,
        "Stalled": StalledReason,
    }
    MIRRORS: ClassVar[frozenset[str]] = frozenset({"Stalled", "Loaded", "Verified", "GatesPassed"})
    MANAGED = True
    DELETION_RULES = (
        Rule(
            "!has(oldObject.status) || !has(oldObject.status.keptAs)",
            "the run is served, pinned, or what a rollback goes back to: promote another one first",
        ),
    )

    kind: Literal["StagedRun"] = "StagedRun"
    metadata: ObjectMeta
    spec: StagedRunSpec
    status: StagedRunStatus = Field(default_factory=StagedRunStatus)
