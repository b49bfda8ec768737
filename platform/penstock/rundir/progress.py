"""How far a job is: `progress.json`, replaced atomically."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from pydantic import Field, ValidationError

from penstock.api.meta import StatusModel

PROGRESS = "progress.json"


class Progress(StatusModel):
    """What a job last reported."""

    step: int = 0
    total: int = 0
    metrics: dict[str, float] = Field(default_factory=dict)
    time: datetime


def write_progress(uri: str, step: int, total: int, metrics: dict[str, float] | None = None) -> None:
    """Replace the progress of the run or staging at `uri`; a metric that is not finite is left out.

    JSON has no NaN, and a loss that diverged must not take the other metrics with it.
    """
    from penstock.rundir import storage

    finite = {name: value for name, value in (metrics or {}).items() if math.isfinite(value)}
    progress = Progress(step=step, total=total, metrics=finite, time=datetime.now(UTC))
    storage.replace(storage.join(uri, PROGRESS), progress.model_dump_json(by_alias=True).encode())


def read_progress(uri: str) -> Progress | None:
    """The progress of the run or staging at `uri`; None where there is none to read."""
    from penstock.rundir import storage

    try:
        return Progress.model_validate_json(storage.read_bytes(storage.join(uri, PROGRESS)))
    except (FileNotFoundError, ValidationError):
        return None
