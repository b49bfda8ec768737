"""FeatureStore and VectorStore: where features and vectors are served from."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from penstock.api.meta import (
    Column,
    DeletionPolicy,
    Identifier,
    Line,
    Model,
    ObjectMeta,
    Reason,
    Resource,
    Rule,
    SecretKeyRef,
    Status,
)


class StoreReason(Reason):
    """Reasons of `Ready`, the condition of a FeatureStore and of a VectorStore."""

    READY = ("Ready", "The store answers.")
    UNREACHABLE = ("Unreachable", "The store does not answer.", "Check that it runs and that the address is right.")
    INVALID_CONFIG = ("InvalidConfig", "The store refuses the configuration.", "Correct the field in the message.")
    MISSING_REFERENCE = ("MissingReference", "A Secret that the spec names is not there.", "Create it.")
    IN_USE = (
        "InUse",
        "It is being deleted, and what the message names uses it or has data in it; it stays until that is gone.",
        "Delete those too: `penstock delete -f FILE` deletes in the order that suits.",
    )


class Option(Model):
    """A key of a section of `feature_store.yaml`, its value as written in YAML or taken from a Secret."""

    ATOMIC = True
    RULES = (Rule("has(self.value) != has(self.secretKeyRef)", "set exactly one of value and secretKeyRef"),)

    name: Identifier
    value: Annotated[str, StringConstraints(max_length=4096)] | None = None
    secret_key_ref: SecretKeyRef | None = None


class FeastComponent(Model):
    """The online store or registry section of `feature_store.yaml`."""

    RULES = (
        Rule(
            "self.options.all(o, o.name != 'type' && o.name != 'registry_type')",
            "an option is named type or registry_type: that is the section's own type",
        ),
        Rule(
            "self.options.map(o, has(o.value) ? size(o.value) : 0).sum() <= 32768",
            "the options hold more than 32768 characters",
        ),
    )

    type: Line = Field(description="As in feature_store.yaml: sqlite, redis, postgres, or a class path.")
    options: list[Option] = Field(default_factory=list, max_length=32)


TUNING = (
    "^(user|username|conn_type|min_conn|max_conn|consistent_reads|"
    ".*(ttl|timeout|pool|retr|attempts|batch|cache|keepalive|ssl|thread|concurren|kwargs|password|token|secret|access_key).*)$"
)
"""The options of a section that decide how a store is reached, not which one it is."""


def _stays(section: str) -> tuple[Rule, ...]:
    """Rules by which a section goes on naming the same store: what is served is in it.

    One for each direction: both in one cost more than the API server lets a rule cost.
    """
    one, other = f"self.{section}", f"oldSelf.{section}"

    def same_options(here: str, there: str) -> Rule:
        same = "p.name == o.name && has(p.value) == has(o.value) && (!has(o.value) || p.value == o.value)"
        return Rule(
            f"!has({one}) || !has({other}) || "
            f"{here}.options.all(o, o.name.matches('{TUNING}') || {there}.options.exists(p, {same}))",
            f"the options of {section} that say which store it is cannot be changed: create another FeatureStore",
        )

    return (
        Rule(
            f"has({one}) == has({other}) && (!has({one}) || {one}.type == {other}.type)",
            f"{section} cannot become another kind of store: create another FeatureStore",
        ),
        same_options(one, other),
        same_options(other, one),
    )


class FeatureStoreSpec(Model):
    """A Feast project."""

    RULES = (
        Rule("self.project == oldSelf.project", "project cannot be changed: create another FeatureStore"),
        *_stays("onlineStore"),
        *_stays("registry"),
    )

    project: Identifier = Field(description="The Feast project.")
    online_store: FeastComponent | None = Field(None, description="Unset: the installation's own (SQLite on a laptop).")
    registry: FeastComponent | None = Field(None, description="Unset: the installation's own (SQL on SQLite).")
    deletion_policy: DeletionPolicy = Field(
        DeletionPolicy.DELETE,
        description="Whether deleting the store removes the Feast project, once nothing is in it.",
    )


class FeatureStoreStatus(Status):
    """Whether the store answers."""


class FeatureStore(Resource):
    """A Feast project: registry and online store."""

    PLURAL = "featurestores"
    SHORT = ("fst",)
    COLUMNS = (
        Column("Ready", '.status.conditions[?(@.type=="Ready")].status'),
        Column("Reason", '.status.conditions[?(@.type=="Ready")].reason'),
        Column("Project", ".spec.project"),
        Column("Age", ".metadata.creationTimestamp", "date"),
    )
    CONDITIONS: ClassVar[dict[str, type[Reason]]] = {"Ready": StoreReason}

    kind: Literal["FeatureStore"] = "FeatureStore"
    metadata: ObjectMeta
    spec: FeatureStoreSpec
    status: FeatureStoreStatus = Field(default_factory=FeatureStoreStatus)


class VectorStoreSpec(Model):
    """A Milvus."""

    RULES = (
        Rule(
            "has(self.uri) == has(oldSelf.uri) && (!has(self.uri) || self.uri == oldSelf.uri)",
            "uri cannot be changed: create another VectorStore",
        ),
        Rule("self.database == oldSelf.database", "database cannot be changed: create another VectorStore"),
    )

    uri: Line | None = Field(None, description="Such as http://milvus:19530. Unset: the installation's own.")
    database: Identifier = "default"
    token_secret_key_ref: SecretKeyRef | None = Field(None, description="A token, or user:password.")
    timeout_seconds: int = Field(10, ge=1, le=300)


class VectorStoreStatus(Status):
    """Whether the store answers."""

    version: Annotated[str, StringConstraints(max_length=64)] | None = None


class VectorStore(Resource):
    """A Milvus or Milvus Lite server."""

    PLURAL = "vectorstores"
    SHORT = ("vst",)
    COLUMNS = (
        Column("Ready", '.status.conditions[?(@.type=="Ready")].status'),
        Column("Reason", '.status.conditions[?(@.type=="Ready")].reason'),
        Column("Version", ".status.version"),
        Column("Age", ".metadata.creationTimestamp", "date"),
    )
    CONDITIONS: ClassVar[dict[str, type[Reason]]] = {"Ready": StoreReason}

    kind: Literal["VectorStore"] = "VectorStore"
    metadata: ObjectMeta
    spec: VectorStoreSpec = VectorStoreSpec()
    status: VectorStoreStatus = Field(default_factory=VectorStoreStatus)
