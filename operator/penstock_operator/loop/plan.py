"""What follows from what was observed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from penstock.api.meta import Status

Action = TypeVar("Action", covariant=True)

ALWAYS = datetime.min.replace(tzinfo=UTC)
"""Of a process that has looked at its objects since ever."""

Failed = Sequence[tuple[Any, Exception]]
"""The actions of a clean-up that failed, and why."""


def trouble(failed: Failed) -> str:
    """What a clean-up failed with, in one text."""
    return "; ".join(dict.fromkeys(str(error) or type(error).__name__ for _, error in failed))


@dataclass(frozen=True)
class Plan(Generic[Action]):
    """The next status, and what to do.

    An action may only be planned once its intent stands in the status that was read: the status is written after the
    actions, so whatever an action does that must be known after a crash has to be there before it.
    """

    status: Status
    actions: Sequence[Action] = ()
    requeue_after: float | None = None
    """Seconds until the next look, whatever happens; None: only when something changes."""
    finalized: bool = False
    """Whether the clean-up of a deleted object is done."""
    refusal: Callable[[str], Plan[Action]] | None = None
    """What follows, by its cause, where the first action is refused for good; without it the pass fails."""
    notes: Sequence[str] = field(default=())
    """Warnings worth an event."""
    cleanup: Sequence[Action] = ()
    """Actions that remove what nobody needs any more, after the others: one that fails ends neither the pass nor the
    rest of them, and holds back no status. As text each says what it removes, in which store: that is told of what
    stays when a deleted object goes all the same."""
    conclude: Callable[[Failed], str] = trouble
    """Notes in the status what became of the clean-up; returns what is still to be tried again, and why, or nothing."""
