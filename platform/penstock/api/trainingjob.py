"""TrainingJob: training code run on Ray, attempt by attempt."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from penstock.api.meta import (
    GROUP,
    Column,
    DeletionPolicy,
    Identifier,
    Message,
    Model,
    NamedNumber,
    NamedValue,
    ObjectMeta,
    Reason,
    Resource,
    Rule,
    Run,
    SecretKeyRef,
    StalledReason,
    Status,
    StatusModel,
)
from penstock.api.quantities import Cpus, Memory, cores, whole_bytes
from penstock.api.ray import STAYS, RayBackend
from penstock.api.source import Source
from penstock.api.trainingjobreasons import ReadyReason, SucceededReason

RERUN_ANNOTATION = f"{GROUP}/rerun"
"""Annotation of a TrainingJob: a value that was not answered before starts a new run of the same spec."""
RerunToken = Annotated[str, StringConstraints(max_length=64)]


class OutputKind(StrEnum):
    """What an output of a run holds."""

    FEATURES = "Features"
    EMBEDDINGS = "Embeddings"
    ENCODER = "Encoder"
    MODEL = "Model"


class EnvVar(Model):
    """An environment variable of the training processes."""

    ATOMIC = True
    RULES = (Rule("has(self.value) != has(self.secretKeyRef)", "set exactly one of value and secretKeyRef"),)

    name: Identifier
    value: Annotated[str, StringConstraints(max_length=4096)] | None = None
    secret_key_ref: SecretKeyRef | None = None


class Workers(Model):
    """The processes of an attempt and what each asks of Ray."""

    count: int = Field(1, ge=1, le=1024, description="Number of workers.")
    cpus: Cpus = Field("1", description="CPUs of each worker, such as 2 or 500m.")
    gpus: int = Field(0, ge=0, le=64, description="GPUs of each worker.")
    memory: Memory | None = Field(None, description="Memory that Ray sets aside for each worker, such as 4Gi.")

    @property
    def cores(self) -> float:
        """The CPUs of a worker as a number."""
        return cores(self.cpus)

    @property
    def memory_bytes(self) -> int | None:
        """The memory of a worker in bytes; None where none is asked for."""
        return whole_bytes(self.memory) if self.memory is not None else None


class Strategy(Model):
    """How the workers work together: the name of a strategy plug-in and its options."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=r"^[A-Za-z][A-Za-z0-9]*$")] = Field(
        "Single", description="`Single`, `DataParallel`, or a plug-in of the entry point group penstock.strategies."
    )
    options: list[NamedValue] = Field(default_factory=list, max_length=32)


class Retry(Model):
    """What follows a failed attempt."""

    limit: int = Field(2, ge=0, le=20, description="Attempts after the first one.")
    backoff_seconds: int = Field(5, ge=0, le=3600, description="Wait before the first retry; doubles at each.")
    max_backoff_seconds: int = Field(300, ge=0, le=86400, description="The longest wait.")


class Resume(StrEnum):
    """Which attempts start from a checkpoint."""

    NEVER = "Never"
    ON_RETRY = "OnRetry"


class Checkpoint(Model):
    """Checkpoints of a run; a retry of the same spec goes on from the newest."""

    keep: int = Field(2, ge=1, le=100, description="Checkpoints kept for each run.")
    resume: Resume = Field(Resume.ON_RETRY, description="OnRetry: a retry starts from the newest checkpoint.")


class Output(Model):
    """An output that a successful run must have."""

    name: Identifier
    kind: OutputKind


MAX_HANDED = 65_536
"""Characters that an attempt is handed: they come to its processes in one variable, which Linux lets have 128 KiB."""


class TrainingJobSpec(Model):
    """What to train, with what, how often to try, and what must come out."""

    RULES = (
        STAYS,
        Rule(
            "self.strategy.name != 'Single' || self.workers.count == 1",
            "strategy Single has one worker: set strategy.name (DataParallel) or workers.count: 1",
        ),
        Rule(
            "self.args.map(a, size(a)).sum() + self.params.map(p, size(p.value)).sum() + "
            "self.env.map(e, has(e.value) ? size(e.value) : 0).sum() + "
            f"self.strategy.options.map(o, size(o.value)).sum() <= {MAX_HANDED}",
            f"args, params, env and strategy.options hold more than {MAX_HANDED} characters: hand them over in a file",
        ),
    )

    source: Source
    entrypoint: Annotated[str, StringConstraints(min_length=1, max_length=1024, pattern=r"^[^/].*\.py$")] = Field(
        description="The Python file to run, relative to the source."
    )
    args: list[Annotated[str, StringConstraints(max_length=4096)]] = Field(default_factory=list, max_length=128)
    params: list[NamedValue] = Field(default_factory=list, max_length=128, description="Read by `run.params`.")
    env: list[EnvVar] = Field(default_factory=list, max_length=128)
    workers: Workers = Workers()
    strategy: Strategy = Strategy()
    ray: RayBackend | None = Field(None, description="Where attempts run. Unset: the installation's own.")
    retry: Retry = Retry()
    checkpoint: Checkpoint = Checkpoint()
    attempt_deadline_seconds: int | None = Field(
        None, ge=1, le=31_536_000, description="Seconds that an attempt may run before it is stopped and has failed."
    )
    outputs: list[Output] = Field(default_factory=list, max_length=32)
    history_limit: int = Field(
        5, ge=1, le=100, description="TrainingRuns that are kept beside those that a StagedRun holds."
    )
    deletion_policy: DeletionPolicy = Field(
        DeletionPolicy.DELETE,
        description="Whether deleting the job deletes its TrainingRuns, and with them the run directories. "
        "One that a StagedRun holds goes after it.",
    )
    suspend: bool = Field(False, description="Stops the attempt, and starts none until unset.")


class AttemptState(StrEnum):
    """Where an attempt is."""

    PENDING = "Pending"
    SUBMITTED = "Submitted"
    RUNNING = "Running"
    STOPPING = "Stopping"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    STOPPED = "Stopped"


class Attempt(StatusModel):
    """One attempt: written before it is submitted, so that a crash cannot lose or double it."""

    number: int = Field(ge=1, description="Counts up over the life of the job.")
    run: Run = Field(description="Name of the run: the short uid of the job and the number.")
    submission_id: Annotated[str, StringConstraints(max_length=128)]
    session: Annotated[str, StringConstraints(max_length=128)] = Field(
        "", description="The Ray session that the attempt is submitted to; another one never gets it."
    )
    spec_digest: Annotated[str, StringConstraints(max_length=80)] = Field(
        "", description="Digest of what changes the result of a run."
    )
    entrypoint: Annotated[str, StringConstraints(max_length=1024)] = ""
    config_map: Annotated[str, StringConstraints(max_length=253)] | None = Field(
        None, description="The ConfigMap that holds its code, where one does."
    )
    source_revision: Annotated[str, StringConstraints(max_length=80)] | None = Field(
        None, description="The commit, or the digest of the archive, of its code."
    )
    rerun_token: RerunToken | None = Field(None, description="The answered value of the annotation penstock.dev/rerun.")
    retry: int = Field(0, ge=0, description="Which retry of the spec this is.")
    resume_from: Run | None = Field(None, description="The run whose newest checkpoint it starts from.")
    state: AttemptState
    recorded_at: datetime | None = Field(None, description="When it was written down; it is submitted after that.")
    submitted: bool = Field(False, description="Whether Ray was seen to have the submission.")
    stopping_since: datetime | None = Field(None, description="When it was first to be stopped.")
    started_at: datetime | None = None
    finished_at: datetime | None = None
    reason: Annotated[str, StringConstraints(max_length=128)] = ""
    message: Message = ""
    unbegun: bool = Field(
        False, description="Whether it failed before its code began, which counts in no spec.retry.limit."
    )
    refused_generation: int | None = Field(
        None,
        description="The generation of the job whose submission was refused for good; a later one is tried.",
    )
    removed: bool = Field(False, description="Whether its run directory is gone.")
    forgotten: bool = Field(False, description="Whether Ray was asked to forget it: its log is gone.")


class Progress(StatusModel):
    """How far the running attempt is."""

    run: Run
    step: int = 0
    total: int = 0
    metrics: list[NamedNumber] = Field(default_factory=list, max_length=64)
    updated_at: datetime | None = None


class TrainingJobStatus(Status):
    """What is known of the attempts and runs of a job."""

    attempts: list[Attempt] = Field(default_factory=list, max_length=20, description="The newest last.")
    observed_rerun_token: RerunToken | None = Field(
        None, description="The value of the annotation penstock.dev/rerun that this status speaks of."
    )
    reruns: list[RerunToken] = Field(
        default_factory=list,
        max_length=64,
        description="Values of the annotation penstock.dev/rerun that were answered, the newest last: "
        "none of them starts a run again.",
    )
    deletion_seen_at: datetime | None = Field(None, description="When it was first seen that the job is deleted.")
    progress: Progress | None = None
    progress_text: Annotated[str, StringConstraints(max_length=64)] | None = Field(
        None, description="How far, for people: step/total."
    )
    latest_run: Run | None = Field(None, description="The newest TrainingRun.")
    retry_at: datetime | None = Field(None, description="When the next attempt starts.")
    dashboard_url: Annotated[str, StringConstraints(max_length=1024)] | None = Field(
        None, description="The newest attempt on Ray's dashboard."
    )


MAX_TOKEN = 64


def asked_rerun(job: TrainingJob) -> str | None:
    """The annotation that asks for a rerun, by its digest where it is long; None where none is asked for."""
    token = job.metadata.annotations.get(RERUN_ANNOTATION) or None
    return token if token is None or len(token) <= MAX_TOKEN else f"sha256:{sha256(token.encode()).hexdigest()[:57]}"


class TrainingJob(Resource):
    """Training code that runs on Ray and leaves a run directory."""

    PLURAL = "trainingjobs"
    SHORT = ("tj",)
    COLUMNS = (
        Column("Succeeded", '.status.conditions[?(@.type=="Succeeded")].status'),
        Column("Reason", '.status.conditions[?(@.type=="Succeeded")].reason'),
        Column("Progress", ".status.progressText"),
        Column("Run", ".status.latestRun"),
        Column("Age", ".metadata.creationTimestamp", "date"),
        Column("Entrypoint", ".spec.entrypoint", priority=1),
        Column("Workers", ".spec.workers.count", "integer", 1),
    )
    CONDITIONS: ClassVar[dict[str, type[Reason]]] = {
        "Succeeded": SucceededReason,
        "Ready": ReadyReason,
        "Stalled": StalledReason,
    }
    MIRRORS: ClassVar[frozenset[str]] = frozenset({"Ready", "Stalled"})

    kind: Literal["TrainingJob"] = "TrainingJob"
    metadata: ObjectMeta
    spec: TrainingJobSpec
    status: TrainingJobStatus = Field(default_factory=TrainingJobStatus)
