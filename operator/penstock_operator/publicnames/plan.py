"""From the pointer and the public name as it is to what must move. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from penstock.api.materialization import Materialization
from penstock.api.meta import Condition, DeletionPolicy, ObjectMeta
from penstock.api.stagedrun import StagedKind
from penstock.api.views import ViewReason
from penstock.naming import identifier, physical_prefix
from penstock_operator.loop.conditions import Truth, with_condition

RECHECK_SECONDS = 15.0


class Name(NamedTuple):
    """A public name as its resource has it."""

    meta: ObjectMeta
    noun: str
    store: str
    """The store, for people."""
    before: str | None
    """What the status says that it stands for."""
    policy: DeletionPolicy

    def __str__(self) -> str:
        """For people."""
        return f"{self.noun} {identifier(self.meta.name)!r} in {self.store}"


@dataclass(frozen=True)
class Pointed:
    """What a Materialization's pointer says of this name."""

    run: str
    physical: str
    outdated: bool = False
    """Whether it was staged before the spec of the name changed."""


@dataclass(frozen=True)
class Observed:
    """The world around a public name."""

    store_exists: bool = True
    store_problem: str = ""
    """Why the store cannot be asked, if so."""
    feeder: str = ""
    """The Materialization that it follows."""
    pointed: Pointed | None = None
    current: str | None = None
    """What the public name stands for now."""
    own: frozenset[str] = frozenset()
    """What StagedRuns have in the store for it."""
    other: str = ""
    """The object of another namespace whose data it stands for, if it does."""


@dataclass(frozen=True)
class Point:
    """Let the public name stand for this."""

    physical: str


@dataclass(frozen=True)
class Release:
    """Remove the public name, while it stands for one of these."""

    what: str
    physicals: tuple[str, ...]

    def __str__(self) -> str:
        """What is removed."""
        return self.what


@dataclass(frozen=True)
class Decision:
    """What a pass over a public name came to."""

    conditions: list[Condition]
    actions: tuple[Point, ...] = ()
    served: Pointed | None = None
    after: float | None = None
    finalized: bool = False
    cleanup: tuple[Release, ...] = ()
    notes: tuple[str, ...] = ()


def pointer_of(feeder: Materialization | None, resource: str, kind: StagedKind) -> Pointed | None:
    """The active output of a Materialization that goes to this resource, if there is one.

    Args:
        feeder: the Materialization, if any.
        resource: name of the FeatureView or VectorCollection.
        kind: of the output.
    """
    active = feeder.status.active if feeder is not None else None
    for output in active.outputs if active is not None else ():
        if active is not None and output.resource == resource and output.kind == kind:
            return Pointed(active.run, output.physical)
    return None


def decide(name: Name, conditions: list[Condition], seen: Observed, now: datetime) -> Decision:
    """Follow the pointer; when deleted, remove the public name unless the policy retains it."""

    def ready(truth: Truth, reason: ViewReason, message: str) -> list[Condition]:
        return with_condition(conditions, "Ready", truth, reason, message, generation=name.meta.generation, now=now)

    if name.meta.deletion_timestamp is not None:
        going = ready("False", ViewReason.DELETING, f"Its {name} is being removed")
        return _deletion(name, going, seen)
    if not seen.store_exists:
        return Decision(
            ready("False", ViewReason.MISSING_REFERENCE, f"spec.storeRef: {name.store} does not exist: create it"),
            after=RECHECK_SECONDS,
        )
    if seen.store_problem:
        return Decision(ready("Unknown", ViewReason.STORE_NOT_READY, seen.store_problem), after=RECHECK_SECONDS / 3)
    if problem := _conflict(name, seen):
        return Decision(ready("False", ViewReason.CONFLICT, problem), after=RECHECK_SECONDS)
    if seen.pointed is None:
        feeder = f" of Materialization {seen.feeder}" if seen.feeder else ""
        return Decision(ready("False", ViewReason.WAITING, f"No run{feeder} has been promoted yet"))
    if seen.current == seen.pointed.physical:
        before = " as it was staged before the spec changed" if seen.pointed.outdated else ""
        message = f"Stands for run {seen.pointed.run}{before}"
        return Decision(ready("True", ViewReason.SERVING, message), served=seen.pointed, after=RECHECK_SECONDS)
    message = f"Is being moved to run {seen.pointed.run}"
    return Decision(ready("Unknown", ViewReason.SWITCHING, message), (Point(seen.pointed.physical),), after=0)


def _conflict(name: Name, seen: Observed) -> str:
    """Why the public name is not ours to move, if so."""
    current = seen.current
    if current is None or current in seen.own or current == name.before:
        return ""
    if seen.other:
        return f"{seen.other} holds the {name}: choose another name or another store"
    # One that we moved before was moved by hand since; one that stands for a run of that name was retained.
    if name.before is not None or current.startswith(physical_prefix(name.meta.name)):
        return ""
    return f"The {name} stands for {current!r}, which Penstock did not make: remove it, or choose another name"


def _deletion(name: Name, conditions: list[Condition], seen: Observed) -> Decision:
    """Remove the public name where it stands for what was staged for it; in doubt, only while it does."""
    own = seen.own | ({name.before} if name.before is not None else set())
    if name.policy is DeletionPolicy.RETAIN or not own:
        return Decision(conditions, finalized=True)
    if not seen.store_exists:
        notes = (f"The {name} may stay behind: the store does not exist any more",)
        return Decision(conditions, finalized=True, notes=notes)
    if seen.store_problem:
        return Decision(conditions, finalized=True, cleanup=(Release(str(name), tuple(sorted(own))),))
    if seen.current in own:
        return Decision(conditions, finalized=True, cleanup=(Release(str(name), (str(seen.current),)),))
    return Decision(conditions, finalized=True)
