"""FeatureView and VectorCollection: the stable public names that runs are served under."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema

from penstock.api.meta import (
    Column,
    DeletionPolicy,
    Identifier,
    LocalRef,
    Model,
    ObjectMeta,
    Reason,
    Resource,
    Rule,
    Run,
    Status,
)
from penstock.api.quantities import Share
from penstock.columns.table import KEYS, ValueType


class ViewReason(Reason):
    """Reasons of `Ready`, the condition of a FeatureView and of a VectorCollection."""

    SERVING = ("Serving", "The public name stands for the active run.")
    WAITING = ("WaitingForRun", "No run has been promoted yet.", "Look at the Materialization that feeds it.")
    SWITCHING = ("Switching", "The public name is being moved to the active run.")
    MISSING_REFERENCE = ("MissingReference", "The store that the spec names is not there.", "Create it.")
    STORE_NOT_READY = ("StoreNotReady", "The store is not ready.", "Look at the store's conditions.")
    CONFLICT = (
        "Conflict",
        "Another object, or somebody who is not Penstock, holds the public name.",
        "Choose another name or another store.",
    )
    DELETING = ("Deleting", "It is being deleted: its public name is being removed from the store.")


class NamedField(Model):
    """A named and typed column."""

    name: Identifier
    type: ValueType


def _may_be_key(type_: ValueType) -> ValueType:
    if type_ not in KEYS:
        raise ValueError(f"{type_} cannot be a key: {', '.join(KEYS)} can")
    return type_


_KEY_SCHEMA = {"type": "string", "enum": [key.value for key in KEYS]}


class KeyField(NamedField):
    """A named and typed column that entities are told apart by."""

    type: Annotated[ValueType, AfterValidator(_may_be_key), WithJsonSchema(_KEY_SCHEMA)]


class ViewShape(Model):
    """What decides how features are staged, by Feast's terms."""

    store_ref: LocalRef = Field(description="The FeatureStore.")
    entities: list[KeyField] = Field(min_length=1, max_length=8, description="The join keys, as columns of the output.")
    features: list[NamedField] = Field(min_length=1, max_length=512)
    timestamp_field: Identifier = "event_timestamp"
    ttl_seconds: int | None = Field(None, ge=1, le=315_360_000, description="Unset: features do not age.")


class FeatureViewSpec(ViewShape):
    """Entities and features, by Feast's terms."""

    RULES = (
        Rule("self.storeRef == oldSelf.storeRef", "storeRef cannot be changed: create another FeatureView"),
        Rule(
            "self.features.all(f, !self.entities.exists(e, e.name == f.name))",
            "a feature has the name of an entity: rename one of them",
        ),
        Rule(
            "self.features.all(f, f.name != self.timestampField)",
            "a feature has the name of the timestamp field: rename one of them",
        ),
        Rule(
            "self.entities.all(e, e.name != self.timestampField)",
            "an entity has the name of the timestamp field: rename one of them",
        ),
    )

    deletion_policy: DeletionPolicy = DeletionPolicy.DELETE


class FeatureViewStatus(Status):
    """Which run the public name stands for."""

    service: Annotated[str, StringConstraints(max_length=128)] | None = Field(
        None, description="The stable Feast feature service."
    )
    view: Annotated[str, StringConstraints(max_length=253)] | None = Field(
        None, description="The Feast feature view behind it."
    )
    run: Run | None = None


class FeatureView(Resource):
    """Features under one stable name."""

    PLURAL = "featureviews"
    SHORT = ("fview",)
    COLUMNS = (
        Column("Ready", '.status.conditions[?(@.type=="Ready")].status'),
        Column("Reason", '.status.conditions[?(@.type=="Ready")].reason'),
        Column("Run", ".status.run"),
        Column("Age", ".metadata.creationTimestamp", "date"),
    )
    CONDITIONS: ClassVar[dict[str, type[Reason]]] = {"Ready": ViewReason}

    kind: Literal["FeatureView"] = "FeatureView"
    metadata: ObjectMeta
    spec: FeatureViewSpec
    status: FeatureViewStatus = Field(default_factory=FeatureViewStatus)


class Metric(StrEnum):
    """How near two vectors are."""

    COSINE = "Cosine"
    INNER_PRODUCT = "InnerProduct"
    L2 = "L2"


class IndexType(StrEnum):
    """The index of a collection."""

    AUTO = "Auto"
    FLAT = "Flat"
    HNSW = "HNSW"
    IVF_FLAT = "IVFFlat"


class Serving(StrEnum):
    """Where the gateway searches."""

    STORE = "Store"
    IN_MEMORY = "InMemory"


class Index(Model):
    """The index and the recall that `Auto` must reach."""

    type: IndexType = IndexType.AUTO
    recall_target: Share = Field("0.95", description="For Auto: the recall at 10 that is good enough.")


class CollectionShape(Model):
    """What decides how vectors are staged, in Milvus's terms."""

    store_ref: LocalRef = Field(description="The VectorStore.")
    dimension: int = Field(ge=1, le=32768)
    metric: Metric = Metric.COSINE
    index: Index = Index()
    scalar_fields: list[NamedField] = Field(default_factory=list, max_length=64)
    serving: Serving = Serving.STORE


class VectorCollectionSpec(CollectionShape):
    """Vectors with scalar fields, in Milvus's terms."""

    RULES = (
        Rule("self.storeRef == oldSelf.storeRef", "storeRef cannot be changed: create another VectorCollection"),
        Rule(
            "self.scalarFields.all(f, f.name != 'id' && f.name != 'vector')",
            "a scalar field is named id or vector, which the collection has already: rename it",
        ),
    )

    deletion_policy: DeletionPolicy = DeletionPolicy.DELETE


class VectorCollectionStatus(Status):
    """Which run the public name stands for."""

    alias: Annotated[str, StringConstraints(max_length=128)] | None = Field(
        None, description="The stable Milvus alias."
    )
    collection: Annotated[str, StringConstraints(max_length=253)] | None = Field(
        None, description="The Milvus collection behind it."
    )
    run: Run | None = None


class VectorCollection(Resource):
    """Vectors under one stable name."""

    PLURAL = "vectorcollections"
    SHORT = ("vcol",)
    COLUMNS = (
        Column("Ready", '.status.conditions[?(@.type=="Ready")].status'),
        Column("Reason", '.status.conditions[?(@.type=="Ready")].reason'),
        Column("Run", ".status.run"),
        Column("Dimension", ".spec.dimension", "integer"),
        Column("Age", ".metadata.creationTimestamp", "date"),
    )
    CONDITIONS: ClassVar[dict[str, type[Reason]]] = {"Ready": ViewReason}

    kind: Literal["VectorCollection"] = "VectorCollection"
    metadata: ObjectMeta
    spec: VectorCollectionSpec
    status: VectorCollectionStatus = Field(default_factory=VectorCollectionStatus)
