"""Queries and answers on the wire; the OpenAPI document is made from these."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from penstock.api.views import Metric, Serving
from penstock.columns.table import ValueType


class Query(BaseModel):
    """An unknown field is an error."""

    model_config = ConfigDict(extra="forbid")


class FeaturesQuery(Query):
    """Features of entities."""

    entities: list[dict[str, Any]] = Field(min_length=1, examples=[[{"image_id": 3}]])
    features: list[str] | None = Field(None, description="Unset: all features of the view.")


class Join(Query):
    """Features of each hit, the hit's id being the key of a view."""

    view: str
    key: str | None = Field(None, description="The view's key; unset for a view with one.")
    features: list[str] | None = None


class VectorsQuery(Query):
    """Nearest neighbours of vectors, or of raw inputs that the run's own encoder turns into vectors."""

    vectors: list[list[float]] | None = Field(None, min_length=1)
    inputs: list[Any] | None = Field(None, min_length=1, description="Arrays of the encoder's shape.")
    k: int = Field(10, ge=1)
    filter: str = Field("", max_length=4096, description="A Milvus filter expression on the fields.")
    fields: list[str] | None = Field(None, description="Unset: all fields.")
    join: Join | None = None
    encoder: str | None = Field(
        None,
        description="With vectors: the digest of the encoder that made them; refused where another filled the run.",
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.vectors is None) == (self.inputs is None):
            raise ValueError("set exactly one of vectors and inputs")
        return self

    @property
    def size(self) -> int:
        """How many queries it holds."""
        return len(self.vectors or self.inputs or ())


class Row(BaseModel):
    """An entity and its features; null where the entity is unknown or its features have outlived their TTL."""

    entity: dict[str, Any]
    features: dict[str, Any] | None


class FeaturesAnswer(BaseModel):
    """Rows in the order of the entities."""

    run: str
    view: str
    rows: list[Row]


class HitAnswer(BaseModel):
    """A neighbour; the score is a similarity for Cosine and InnerProduct, a squared distance for L2."""

    id: int | str
    score: float
    fields: dict[str, Any]
    features: dict[str, Any] | None = Field(None, description="With join only.")


class VectorsAnswer(BaseModel):
    """The hits of each query, the nearest first."""

    run: str
    collection: str
    results: list[list[HitAnswer]]


class ServedView(BaseModel):
    """A view as it is served."""

    name: str
    keys: dict[str, ValueType]
    features: list[str]


class ServedEncoder(BaseModel):
    """What an encoder takes."""

    shape: list[int]
    dtype: str
    digest: str


class ServedCollection(BaseModel):
    """A collection as it is served."""

    name: str
    rows: int
    dimension: int
    metric: Metric
    serving: Serving
    fields: list[str]
    encoder: ServedEncoder | None


class Description(BaseModel):
    """What is served under the name of a Materialization."""

    namespace: str
    materialization: str
    run: str
    switched_at: datetime | None = Field(description="When the pointer was moved to this run.")
    runs: list[str] = Field(description="Runs that `?run=` may name, the newest last.")
    metrics: dict[str, float]
    views: list[ServedView]
    collections: list[ServedCollection]


class Failure(BaseModel):
    """Why there is no answer, and what to do."""

    error: str
    message: str
    run: str | None
