"""What the operator hands to the processes that it submits to Ray, and what they hand back."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from penstock.api.gates import Gate, GateResult
from penstock.api.meta import Model, StatusModel
from penstock.api.stagedrun import Baseline, StagedOutput
from penstock.api.trainingjob import Checkpoint, Output, Strategy, Workers
from penstock.api.views import Index, KeyField, Metric, NamedField, Serving

ATTEMPT_VARIABLE = "PENSTOCK_ATTEMPT"
"""Environment variable with the `AttemptSpec` as JSON, for `python -m penstock.train.launch`."""

STAGING_VARIABLE = "PENSTOCK_STAGING"
"""Environment variable with the `StagingSpec` as JSON, for `python -m penstock.materialize`."""


GIT_TOKEN_VARIABLE = "PENSTOCK_GIT_TOKEN"  # noqa: S105 - a name
"""Environment variable with the token of a Git source; the launcher takes it out before the training code runs."""


def as_variable(spec: Model) -> str:
    """The JSON of what is handed over, for a variable of a Ray job.

    Ray puts the values of other variables in the place of `$NAME` and `${NAME}` in it, quotes and all, and nothing in
    the place of a name that it does not know; so no `$` is in it.
    """
    return spec.model_dump_json(by_alias=True).replace("$", "\\u0024")


class GitCode(Model):
    """A commit of a Git repository."""

    url: str
    revision: str
    path: str | None = Field(None, description="The folder of the code in the repository.")


class ArchiveCode(Model):
    """A gzipped tar archive."""

    uri: str
    digest: str


class AttemptSource(Model):
    """The code of an attempt. A path alone is a folder that every Ray node has; the launcher fetches the others.

    What was fetched is in `path` when a strategy gets it, on the machine of the launcher alone.
    """

    path: str | None = Field(None, description="A relative one is below /opt/penstock/sources/NAME.")
    git: GitCode | None = None
    archive: ArchiveCode | None = None

    @property
    def fetched(self) -> bool:
        """Whether it comes from elsewhere, and so is not on the other Ray nodes."""
        return self.git is not None or self.archive is not None

    @property
    def revision(self) -> str | None:
        """What pins the code: a commit, or the digest of an archive; None for a path."""
        if self.git is not None:
            return self.git.revision
        return self.archive.digest if self.archive is not None else None


class AttemptSpec(Model):
    """One attempt of a TrainingJob."""

    namespace: str
    name: str
    uid: str
    attempt: int
    run: str
    run_uri: str
    resume_uri: str | None = Field(None, description="The run directory whose newest checkpoint it starts from.")
    source: AttemptSource
    entrypoint: str
    args: list[str] = Field(default_factory=list)
    params: dict[str, str] = Field(default_factory=dict)
    workers: Workers = Workers()
    strategy: Strategy = Strategy()
    checkpoint: Checkpoint = Checkpoint()
    outputs: list[Output] = Field(default_factory=list)


class ViewTarget(Model):
    """An output of features on its way to a Feast view of its own."""

    output: str
    resource: str = Field(description="Name of the FeatureView.")
    store: str = Field(description="Name of the FeatureStore.")
    view: str = Field(description="The Feast view of this run.")
    config: dict[str, Any] = Field(description="`feature_store.yaml`; `${NAME}` in a string stands for a variable.")
    entities: list[KeyField]
    features: list[NamedField]
    timestamp_field: str
    ttl_seconds: int | None = None


class MilvusConnection(Model):
    """How to reach a Milvus."""

    uri: str
    database: str = "default"
    token: str | None = Field(None, description="`${NAME}` stands for a variable.")
    timeout_seconds: int = 10


class CollectionTarget(Model):
    """An output of embeddings on its way to a Milvus collection of its own."""

    output: str
    resource: str = Field(description="Name of the VectorCollection.")
    store: str = Field(description="Name of the VectorStore.")
    collection: str = Field(description="The Milvus collection of this run.")
    connection: MilvusConnection
    dimension: int
    metric: Metric
    index: Index
    scalar_fields: list[NamedField] = Field(default_factory=list)
    serving: Serving = Serving.STORE
    encoder: str | None = None


class StagingSpec(Model):
    """One try of a StagedRun."""

    namespace: str
    name: str
    uid: str
    run: str
    run_uri: str
    stage_uri: str
    features: list[ViewTarget] = Field(default_factory=list)
    vectors: list[CollectionTarget] = Field(default_factory=list)
    gates: list[Gate] = Field(default_factory=list)
    baseline: Baseline | None = None


class StagingReport(StatusModel):
    """What a staging found; `report.json` under the stage's URI, written last.

    No report means that the try failed for a cause outside the run (a store that was away, say) and may be repeated.
    """

    run: str
    outcome: Literal["Staged", "Rejected", "Invalid"] = Field(
        description="Rejected: a gate failed. Invalid: the output breaks the contract."
    )
    message: str = ""
    outputs: list[StagedOutput] = Field(default_factory=list)
    gates: list[GateResult] = Field(default_factory=list)
