"""What the plans of attempts and of stagings ask of Ray alike, and the bounds that they share."""

from __future__ import annotations

from dataclasses import dataclass

STOP_SECONDS = 60
"""How long a job may take to stop, and Ray to answer whether it runs, from when it was first asked."""
WATCHED_SECONDS = 10.0
"""Between looks at the progress of a job whose end is told."""
UNBEGUN_LIMIT = 10
"""Jobs that Ray could not begin: then somebody must look."""


@dataclass(frozen=True)
class Stop:
    """Stop a Ray job."""

    submission_id: str

    def __str__(self) -> str:
        """What runs until it is stopped."""
        return f"Ray job {self.submission_id!r}"


@dataclass(frozen=True)
class Forget:
    """Delete an ended Ray job."""

    submission_id: str

    def __str__(self) -> str:
        """What is deleted."""
        return f"ended Ray job {self.submission_id!r}"
