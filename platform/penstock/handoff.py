"""What the operator hands to the processes that it submits to Ray, and what they hand back."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from penstock.api.materialization import Gate, GateResult, StagedOutput
from penstock.api.meta import Model, StatusModel
from penstock.api.trainingjob import Checkpoint, Output, Strategy, Workers
from penstock.api.views import Index, Metric, NamedField, Serving

ATTEMPT_VARIABLE = "PENSTOCK_ATTEMPT"
"""Environment variable with the `AttemptSpec` as JSON, for `python -m penstock.train.launch`."""

STAGING_VARIABLE = "PENSTOCK_STAGING"
"""Environment variable with the `StagingSpec` as JSON, for `python -m penstock.materialize`."""


class AttemptSpec(Model):
    """One attempt of a TrainingJob."""

    namespace: str
    name: str
    uid: str
    attempt: int
    run: str
    run_uri: str
    resume_uri: str | None = Field(None, description="The run directory whose newest checkpoint it starts from.")
    source: str = Field(description="The folder of the code.")
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
    entities: list[NamedField]
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


class ActiveRun(Model):
    """The run that serves now, for the gates that compare."""

    run: str
    run_uri: str


class StagingSpec(Model):
    """One try to stage one run for one Materialization."""

    namespace: str
    name: str
    uid: str
    run: str
    run_uri: str
    stage_uri: str
    features: list[ViewTarget] = Field(default_factory=list)
    vectors: list[CollectionTarget] = Field(default_factory=list)
    gates: list[Gate] = Field(default_factory=list)
    active: ActiveRun | None = None


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
