"""TrainingRun: what a training produced, as an object. Penstock makes it when the manifest of an attempt is whole."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from penstock.api.meta import (
    Column,
    Condition,
    DeletionPolicy,
    Identifier,
    Model,
    NamedValue,
    ObjectMeta,
    Reason,
    ReconciledReason,
    Resource,
    Rule,
    Run,
    Status,
    UidRef,
)
from penstock.api.trainingjob import OutputKind
from penstock.api.views import Metric

JOB_LABEL = "penstock.dev/job"
"""Label of a TrainingRun and a StagedRun: the TrainingJob."""

Number = Annotated[str, StringConstraints(min_length=1, max_length=32, pattern=r"^-?[0-9].*$|^-?inf$|^nan$")]
"""A number as Python prints it, without loss."""


class RunMetric(Model):
    """A metric of the manifest."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    value: Number


class RunColumn(Model):
    """A column of an output."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    type: Annotated[str, StringConstraints(max_length=128)] = Field(description="The Arrow type, as Arrow prints it.")


class RunOutput(Model):
    """An output of the run."""

    name: Identifier
    kind: OutputKind
    format: Annotated[str, StringConstraints(max_length=63)] = Field(description="parquet, onnx, safetensors, …")
    rows: int = 0
    dimension: int | None = None
    metric: Metric | None = None
    columns: list[RunColumn] = Field(default_factory=list, max_length=600)
    digest: Annotated[str, StringConstraints(max_length=80)]


class TrainingRunSpec(Model):
    """The record of a run; all of it but deletionPolicy is made from its manifest and never changes."""

    RULES = tuple(
        Rule(
            f"has(self.{name}) == has(oldSelf.{name}) && (!has(self.{name}) || self.{name} == oldSelf.{name})", message
        )
        for message in ("a run is a record of what was trained: only deletionPolicy can be changed",)
        for name in (
            "trainingJobRef",
            "attempt",
            "uri",
            "manifestDigest",
            "createdAt",
            "entrypoint",
            "sourceRevision",
            "resumedFrom",
            "params",
            "metrics",
            "outputs",
        )
    )

    training_job_ref: UidRef = Field(description="The job that trained it.")
    attempt: int = Field(ge=1)
    uri: Annotated[str, StringConstraints(min_length=1, max_length=2048)] = Field(description="The run directory.")
    manifest_digest: Annotated[str, StringConstraints(max_length=80)]
    created_at: datetime = Field(description="When its manifest was written.")
    entrypoint: Annotated[str, StringConstraints(max_length=1024)]
    source_revision: Annotated[str, StringConstraints(max_length=80)] | None = Field(
        None, description="The commit, or the digest of the archive, of its code."
    )
    resumed_from: Run | None = Field(None, description="The run whose checkpoint it went on from.")
    params: list[NamedValue] = Field(default_factory=list, max_length=128)
    metrics: list[RunMetric] = Field(default_factory=list, max_length=64)
    outputs: list[RunOutput] = Field(default_factory=list, max_length=32)
    deletion_policy: DeletionPolicy = Field(
        DeletionPolicy.DELETE,
        description="Whether the run, and its directory, go when neither its job's history nor a StagedRun holds it. "
        "It follows its job's for as long as that is there.",
    )


class TrainingRunReason(Reason):
    """Reasons of `Ready`: whether the run can be staged."""

    COMPLETE = ("Complete", "Its manifest is whole.")
    HELD = (
        "Held",
        "It is being deleted, and what the message names holds it; its directory goes when that is gone.",
        "Nothing, or delete the StagedRuns too.",
    )
    DELETING = ("Deleting", "It is being deleted: its directory is being removed.")


MADE = datetime(1970, 1, 1, tzinfo=UTC)
"""A default knows no time; Gateway API writes the same."""


class TrainingRunStatus(Status):
    """Who holds the run."""

    observed_generation: int = Field(1, description="The generation that this status speaks of.")
    conditions: list[Condition] = Field(
        default_factory=lambda: [
            Condition(
                type="Ready",
                status="True",
                reason=TrainingRunReason.COMPLETE,
                message=TrainingRunReason.COMPLETE.meaning,
                observed_generation=1,
                last_transition_time=MADE,
            ),
            Condition(
                type="Reconciled",
                status="True",
                reason=ReconciledReason.RECONCILED,
                message="",
                observed_generation=1,
                last_transition_time=MADE,
            ),
        ],
        max_length=16,
    )
    staged_by: list[Annotated[str, StringConstraints(max_length=63)]] = Field(
        default_factory=list, max_length=64, description="The StagedRuns that hold it."
    )
    served_by: list[Annotated[str, StringConstraints(max_length=63)]] = Field(
        default_factory=list, max_length=64, description="The Materializations that serve it."
    )
    kept_by: list[Annotated[str, StringConstraints(max_length=63)]] = Field(
        default_factory=list,
        max_length=64,
        description="The Materializations that serve it, have pinned it, or would go back to it.",
    )


class TrainingRun(Resource):
    """What an attempt of a TrainingJob produced: manifest, params, metrics, outputs."""

    PLURAL = "trainingruns"
    SHORT = ("trun",)
    COLUMNS = (
        Column("Ready", '.status.conditions[?(@.type=="Ready")].status'),
        Column("Job", ".spec.trainingJobRef.name"),
        Column("Attempt", ".spec.attempt", "integer"),
        Column("Served by", ".status.servedBy[0]"),
        Column("Age", ".metadata.creationTimestamp", "date"),
        Column("Outputs", ".spec.outputs[*].name", priority=1),
        Column("Revision", ".spec.sourceRevision", priority=1),
        Column("URI", ".spec.uri", priority=1),
    )
    CONDITIONS: ClassVar[dict[str, type[Reason]]] = {"Ready": TrainingRunReason}
    BORN_WITH_STATUS = True
    MANAGED = True
    DELETION_RULES = (
        Rule(
            "!has(oldObject.status) || !has(oldObject.status.keptBy) || size(oldObject.status.keptBy) == 0",
            "the run is served, pinned, or what a rollback goes back to: promote another one first, or delete the "
            "Materialization",
        ),
    )

    kind: Literal["TrainingRun"] = "TrainingRun"
    metadata: ObjectMeta
    spec: TrainingRunSpec
    status: TrainingRunStatus = Field(default_factory=TrainingRunStatus)
