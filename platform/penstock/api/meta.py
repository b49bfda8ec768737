"""What every kind shares: the model base, references, conditions, reasons and CEL rules."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

GROUP = "penstock.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
FINALIZER = f"{GROUP}/finalizer"

DNS_LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
IDENTIFIER = r"^[A-Za-z_][A-Za-z0-9_]*$"

Name = Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=DNS_LABEL)]
Identifier = Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=IDENTIFIER)]
Text = Annotated[str, StringConstraints(max_length=1024)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
Run = Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=DNS_LABEL)]
Uid = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Message = Annotated[str, StringConstraints(max_length=32768)]


class Rule(NamedTuple):
    """One CEL rule: of a schema (`x-kubernetes-validations`), over `self`, or of a deletion, over `oldObject`."""

    rule: str
    message: str


def union(members: Mapping[str, str]) -> tuple[Rule, ...]:
    """The rules of a union: of its members, by the `type` that each goes with, just the one that `type` names is set.

    Examples:
        >>> union({"Path": "path"})[0].rule
        "has(self.path) == (self.type == 'Path')"
    """
    return tuple(
        Rule(f"has(self.{member}) == (self.type == '{type_}')", f"{member} goes with type {type_}, and only with it")
        for type_, member in members.items()
    )


class Model(BaseModel):
    """Camel case on the wire, snake case in Python; an unknown field is an error."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")

    RULES: ClassVar[tuple[Rule, ...]] = ()
    ATOMIC: ClassVar[bool] = False
    """Whether it is one value to server-side apply, which a manager sets whole: a reference, a union."""

    def to_wire(self) -> dict[str, Any]:
        """The JSON form that the API server keeps: camel case, no nulls."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class StatusModel(Model):
    """A part of a status: a newer operator may have written fields that this one does not know."""

    model_config = ConfigDict(extra="ignore")


class Reason(StrEnum):
    """A condition's reason with its meaning and the next step; the documentation is made from these."""

    meaning: str
    remedy: str

    def __new__(cls, value: str, meaning: str, remedy: str = "") -> Self:
        """Take the value, its meaning and the next step from a member's tuple."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        member.remedy = remedy
        return member


class Condition(StatusModel):
    """A condition by the Kubernetes API conventions."""

    type: Annotated[str, StringConstraints(max_length=316)]
    status: Literal["True", "False", "Unknown"]
    reason: Annotated[str, StringConstraints(min_length=1, max_length=1024)]
    message: Message = ""
    observed_generation: int = 0
    last_transition_time: datetime


class ReconciledReason(Reason):
    """Reasons of `Reconciled`, which every kind has: False while the operator's passes fail.

    The other conditions then say what the last good pass found.
    """

    RECONCILED = ("Reconciled", "The last pass did all that there was to do.")
    UNREACHABLE = (
        "Unreachable",
        "Ray, a store, the artifact store or the Kubernetes API did not answer; it is tried again by itself.",
        "Check that what the message names runs and can be reached: `penstock doctor`.",
    )
    REFUSED = (
        "Refused",
        "A part understood the request and said no; it is tried again every two minutes at most.",
        "Correct what the message names.",
    )
    MISSING_REFERENCE = ("MissingReference", "A Secret that the spec names is not there.", "Create it.")
    INVALID_OBJECT = (
        "InvalidObject",
        "The object, or one that it refers to, was stored under another schema and cannot be read.",
        "Correct the fields in the message, or run the operator that fits the installed definitions.",
    )
    CLEANUP_FAILED = (
        "CleanupFailed",
        "Something that nobody needs any more could not be removed; all else goes on, and it is tried again.",
        "Read the message: a name that somebody else points to it must go first.",
    )
    INTERNAL_ERROR = (
        "InternalError",
        "A bug in the operator; the pass is repeated with a growing wait.",
        "Read the operator's log, and report it.",
    )


class StalledReason(Reason):
    """Reasons of `Stalled`, by which kstatus tells what has failed from what goes on; it is there while it is True."""

    FAILED = ("Failed", "It goes on by itself no more: the object's other conditions say why.")


class LocalRef(Model):
    """A reference to an object of a known kind in the same namespace."""

    ATOMIC = True

    name: Name = Field(description="Name of the object, in the same namespace.")


class UidRef(Model):
    """A reference to one object of a known kind in the same namespace: not to a successor of its name."""

    ATOMIC = True

    name: Name = Field(description="Name of the object, in the same namespace.")
    uid: Uid


class SecretKeyRef(Model):
    """A key of a Secret in the same namespace."""

    ATOMIC = True

    name: Name = Field(description="Name of the Secret.")
    key: Annotated[str, StringConstraints(min_length=1, max_length=253)] = Field(description="Key in the Secret.")


class NamedValue(Model):
    """A named string."""

    name: Identifier
    value: Annotated[str, StringConstraints(max_length=4096)]


class NamedNumber(StatusModel):
    """A named number, such as a metric."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    value: float


class OwnerReference(StatusModel):
    """The object that owns this one."""

    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool | None = None
    block_owner_deletion: bool | None = None


class ObjectMeta(StatusModel):
    """The part of an object's metadata that Penstock uses."""

    name: str
    namespace: str = "default"
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    finalizers: list[str] = Field(default_factory=list)
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    owner_references: list[OwnerReference] = Field(default_factory=list)


class Status(StatusModel):
    """What the status of every kind carries."""

    observed_generation: int = Field(0, description="The generation that this status speaks of.")
    conditions: list[Condition] = Field(default_factory=list, max_length=16)


class DeletionPolicy(StrEnum):
    """What becomes of the data when the resource is deleted."""

    DELETE = "Delete"
    RETAIN = "Retain"


class Column(NamedTuple):
    """A printer column of `kubectl get`."""

    name: str
    path: str
    type: str = "string"
    priority: int = 0


class Resource(StatusModel):
    """An object of one of Penstock's kinds; subclasses narrow `spec` and `status`."""

    PLURAL: ClassVar[str]
    SHORT: ClassVar[tuple[str, ...]] = ()
    COLUMNS: ClassVar[tuple[Column, ...]] = ()
    CONDITIONS: ClassVar[dict[str, type[Reason]]] = {}
    COMMON_CONDITIONS: ClassVar[dict[str, type[Reason]]] = {"Reconciled": ReconciledReason}
    """What every kind has beside its own."""
    MIRRORS: ClassVar[frozenset[str]] = frozenset()
    """Conditions that repeat another one for tools that ask for them by name: no event tells of them."""
    MANAGED: ClassVar[bool] = False
    """Whether Penstock alone creates objects of the kind and writes their spec."""
    DELETION_RULES: ClassVar[tuple[Rule, ...]] = ()
    """CEL over `oldObject`: the API refuses to delete an object of which one is false."""
    BORN_WITH_STATUS: ClassVar[bool] = False
    """Whether the default status of the model is true of a new object: the definition then carries it."""

    api_version: str = API_VERSION
    kind: str
    metadata: ObjectMeta
