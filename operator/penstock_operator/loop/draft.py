"""The next status of an object, in the making."""

from __future__ import annotations

from datetime import datetime

from penstock.api.meta import Reason, Status
from penstock_operator.loop.conditions import Truth, with_condition


class Draft:
    """A status to be written, of an object as it was read; a plan fills it in."""

    status: Status
    generation: int
    """Of the object."""
    now: datetime

    def condition(self, type_: str, truth: Truth, reason: Reason, message: str) -> None:
        """Set a condition."""
        self.status.conditions = with_condition(
            self.status.conditions, type_, truth, reason, message, generation=self.generation, now=self.now
        )
