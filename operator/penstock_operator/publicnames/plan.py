"""From the pointer and the public name as it is to what must move. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from penstock.api.materialization import Materialization
from penstock.api.meta import Condition, DeletionPolicy, ObjectMeta
from penstock.api.views import ViewReason
from penstock_operator.loop.conditions import Truth, with_condition

RECHECK_SECONDS = 15.0


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
    feeders: tuple[str, ...] = ()
    """The Materializations that name it."""
    pointed: Pointed | None = None
    current: str | None = None
    """What the public name stands for now."""
    holder: str = ""
    """The object of another namespace that holds the public name, if one does."""


@dataclass(frozen=True)
class Point:
    """Let the public name stand for this."""

    physical: str


@dataclass(frozen=True)
class Release:
    """Remove the public name, while it stands for this."""

    physical: str


@dataclass(frozen=True)
class Decision:
    """What a pass over a public name came to."""

    conditions: list[Condition]
    actions: tuple[Point | Release, ...] = ()
    served: Pointed | None = None
    after: float | None = None
    finalized: bool = False


def pointer_of(feeders: Iterable[Materialization], resource: str, kind: str, digest: str) -> Pointed | None:
    """The active output that goes to this resource, of the first Materialization that has one.

    Args:
        feeders: the Materializations.
        resource: name of the FeatureView or VectorCollection.
        kind: of the output.
        digest: of what decides how a run is staged to the resource as it is.
    """
    for feeder in feeders:
        active = feeder.status.active
        for output in active.outputs if active is not None else ():
            if active is not None and output.resource == resource and output.kind == kind:
                return Pointed(active.run, output.physical, output.spec_digest not in ("", digest))
    return None


def decide(
    meta: ObjectMeta,
    conditions: list[Condition],
    policy: DeletionPolicy,
    store: str,
    seen: Observed,
    now: datetime,
) -> Decision:
    """Follow the pointer; when deleted, remove the public name unless the policy retains it."""

    def ready(truth: Truth, reason: ViewReason, message: str) -> list[Condition]:
        return with_condition(conditions, "Ready", truth, reason, message, generation=meta.generation, now=now)

    if meta.deletion_timestamp is not None:
        mine = not seen.holder and policy is DeletionPolicy.DELETE and not seen.store_problem
        actions = (Release(seen.current),) if mine and seen.current is not None else ()
        return Decision(conditions, actions, finalized=True)
    if not seen.store_exists:
        message = f"spec.storeRef: {store!r} does not exist: create it"
        return Decision(ready("False", ViewReason.MISSING_REFERENCE, message), after=RECHECK_SECONDS)
    if len(seen.feeders) > 1:
        message = f"Materializations {', '.join(seen.feeders)} all feed it"
        return Decision(ready("False", ViewReason.CONFLICT, message), after=RECHECK_SECONDS)
    if seen.store_problem:
        return Decision(ready("Unknown", ViewReason.STORE_NOT_READY, seen.store_problem), after=RECHECK_SECONDS / 3)
    if seen.holder:
        message = f"{seen.holder} holds its public name in store {store!r}: choose another name or another store"
        return Decision(ready("False", ViewReason.CONFLICT, message), after=RECHECK_SECONDS)
    if seen.pointed is None:
        return Decision(ready("False", ViewReason.WAITING, "No run has been promoted yet"))
    if seen.current == seen.pointed.physical:
        before = " as it was staged before the spec changed" if seen.pointed.outdated else ""
        message = f"Stands for run {seen.pointed.run}{before}"
        return Decision(ready("True", ViewReason.SERVING, message), served=seen.pointed, after=RECHECK_SECONDS)
    message = f"Is being moved to run {seen.pointed.run}"
    return Decision(ready("Unknown", ViewReason.SWITCHING, message), (Point(seen.pointed.physical),), after=0)
