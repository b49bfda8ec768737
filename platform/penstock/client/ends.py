"""When a wait is over: what is met, and what can no longer come. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from penstock.api import Resource, TrainingJob
from penstock.api.materialization import StagedReason
from penstock.api.meta import Condition, Reason
from penstock.api.stagedrun import StagedRunReason
from penstock.api.trainingjob import asked_rerun
from penstock.api.trainingjobreasons import SucceededReason
from penstock.api.trainingrun import TrainingRunReason

ENDS: Mapping[str, Mapping[str, frozenset[Reason]]] = {
    # No attempt follows by itself after one of these; a change of the spec starts anew.
    "TrainingJob": {
        "Succeeded": frozenset(
            {
                SucceededReason.COMPLETED,
                SucceededReason.ATTEMPTS_EXHAUSTED,
                SucceededReason.RAY_UNAVAILABLE,
                SucceededReason.INVALID_SOURCE,
                SucceededReason.INVALID_SPEC,
            }
        )
    },
    # The newest run is refused for good; a new run, or another spec of it or of what it names, starts anew.
    "Materialization": {
        "Staged": frozenset(
            {
                StagedReason.GATE_FAILED,
                StagedReason.INVALID_OUTPUT,
                StagedReason.STAGING_FAILED,
                StagedReason.DEADLINE_EXCEEDED,
                StagedReason.INVALID_SPEC,
            }
        )
    },
    # It is not tried again; what is staged of the run after that is another StagedRun.
    "StagedRun": {
        "Ready": frozenset(
            {
                StagedRunReason.GATE_FAILED,
                StagedRunReason.INVALID_OUTPUT,
                StagedRunReason.STAGING_FAILED,
                StagedRunReason.DEADLINE_EXCEEDED,
                StagedRunReason.INVALID_SPEC,
                StagedRunReason.DATA_LOST,
                StagedRunReason.STOPPING,
                StagedRunReason.DROPPING,
            }
        )
    },
    # A deletion is not taken back.
    "TrainingRun": {"Ready": frozenset({TrainingRunReason.HELD, TrainingRunReason.DELETING})},
}
"""The reasons that end a kind's work, by the condition that carries them.

Every other kind runs on: a store that does not answer now may answer in a minute, so a wait for it ends by its timeout.
"""

DELETE = "delete"


class Awaited(NamedTuple):
    """A condition and the status that it shall have."""

    type: str
    status: str = "True"

    def __str__(self) -> str:
        return f"{self.type}={self.status}"


def parse(text: str) -> Awaited:
    """What is awaited, as `Succeeded`, `Promoted=True` or kubectl's `condition=Ready=true`.

    Raises:
        ValueError: it is none of these.

    Examples:
        >>> parse("Succeeded"), parse("condition=Ready=false")
        (Awaited(type='Succeeded', status='True'), Awaited(type='Ready', status='False'))
    """
    name, _, status = text.removeprefix("condition=").partition("=")
    status = status.capitalize() or "True"
    if not name or status not in ("True", "False", "Unknown"):
        raise ValueError(f"{text!r} cannot be awaited: write a condition such as Succeeded or Promoted=True, or delete")
    return Awaited(name, status)


def fresh(resource: Resource) -> list[Condition]:
    """The conditions that speak of the spec as it now is, and of the rerun that is asked for."""
    if isinstance(resource, TrainingJob) and asked_rerun(resource) != resource.status.observed_rerun_token:
        return []
    generation = resource.metadata.generation
    conditions: list[Condition] = getattr(getattr(resource, "status", None), "conditions", [])
    return [condition for condition in conditions if condition.observed_generation >= generation]


def met(resource: Resource, awaited: Awaited) -> bool:
    """Whether the object is as awaited."""
    return any(condition.type == awaited.type and condition.status == awaited.status for condition in fresh(resource))


def hopeless(resource: Resource, awaited: Awaited) -> Condition | None:
    """The condition by which the object has ended otherwise than awaited."""
    ends = ENDS.get(resource.kind, {})
    for condition in fresh(resource):
        if condition.reason not in ends.get(condition.type, ()):
            continue
        if condition.type == awaited.type or condition.status == "False":
            return condition
    return None


def condition_of(resource: Resource, type_: str) -> Condition | None:
    """The condition of a type, if it speaks of the spec as it now is."""
    return next((condition for condition in fresh(resource) if condition.type == type_), None)


def reason_of(resource: Resource, condition: Condition) -> Reason | None:
    """The documented reason of a condition; None for one that this version does not know."""
    reasons = (resource.CONDITIONS | resource.COMMON_CONDITIONS).get(condition.type)
    return next((reason for reason in reasons or () if reason == condition.reason), None)
