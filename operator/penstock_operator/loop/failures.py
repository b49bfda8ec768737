"""The three kinds of failure, and what follows from each."""

from __future__ import annotations

import random
from enum import StrEnum

from penstock.api.meta import ReconciledReason
from penstock.secrets import MissingSecret
from penstock_operator.loop.parse import InvalidObject
from penstock_operator.ports import Conflict, Refused, Unreachable


class Failure(StrEnum):
    """What went wrong with a pass."""

    STALE = "stale"
    RETRY = "retry"
    TERMINAL = "terminal"
    BUG = "bug"


WAITS = {
    Failure.STALE: (0.05, 5.0),
    Failure.RETRY: (1.0, 30.0),
    Failure.TERMINAL: (15.0, 120.0),
    Failure.BUG: (5.0, 300.0),
}
"""Seconds after the first failure, and at most."""


def classify(error: BaseException) -> Failure:
    """Which kind of failure an exception is."""
    match error:
        case Conflict():
            return Failure.STALE
        case Unreachable() | TimeoutError() | OSError():
            return Failure.RETRY
        case Refused() | MissingSecret() | InvalidObject():
            return Failure.TERMINAL
        case _:
            return Failure.BUG


def reason_of(error: BaseException) -> tuple[ReconciledReason, str]:
    """The reason and message that the condition Reconciled gives for a failed pass."""
    text = str(error) or type(error).__name__
    match error:
        case InvalidObject():
            return ReconciledReason.INVALID_OBJECT, text
        case MissingSecret():
            return ReconciledReason.MISSING_REFERENCE, text
        case Refused():
            return ReconciledReason.REFUSED, f"{text}. It is tried again within two minutes"
        case _ if classify(error) is Failure.RETRY:
            return ReconciledReason.UNREACHABLE, f"{text}. It is tried again within half a minute"
        case _:
            name = type(error).__name__
            return ReconciledReason.INTERNAL_ERROR, f"{name}: {text}. The operator's log has the traceback"


def delay(failure: Failure, failures: int) -> float:
    """Seconds until the next pass after so many failures in a row.

    A stale read is repeated soon; what was refused is tried again rarely, in case the world changed.
    """
    base, most = WAITS[failure]
    spread: float = random.uniform(0.9, 1.1)  # noqa: S311 - spreads load, guards nothing
    return float(min(base * 2 ** min(failures - 1, 16), most) * spread)
