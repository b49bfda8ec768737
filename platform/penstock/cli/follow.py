"""How far a job or a materialization is, from its status. Pure."""

from __future__ import annotations

from typing import NamedTuple

from penstock.api import Materialization, StagedRun, TrainingJob
from penstock.api.materialization import PromotedReason, StagedReason
from penstock.api.meta import Condition
from penstock.client import ends

SETTLED = (PromotedReason.AWAITING_PROMOTION, PromotedReason.PINNED_RUN_UNAVAILABLE, PromotedReason.SUSPENDED)
"""What `Promoted` may say of a staged run that is not to be served by itself."""


class Step(NamedTuple):
    """What is to be said now, and whether it was the last."""

    text: str
    done: bool = False
    failure: Condition | None = None
    part: int = 0
    whole: int = 0


def job_step(job: TrainingJob) -> Step:
    """How far a job is."""
    condition = ends.condition_of(job, "Succeeded")
    if condition is None:
        return Step("Pending")
    progress = job.status.progress
    words: list[str] = [condition.reason]
    if progress is not None:
        words.append(job.status.progress_text or str(progress.step))
        words += [f"{metric.name}={metric.value:.3g}" for metric in progress.metrics[:4]]
    part, whole = (progress.step, progress.total) if progress is not None else (0, 0)
    ended = condition.reason in ends.ENDS["TrainingJob"]["Succeeded"]
    failure = condition if ended and condition.status != "True" else None
    return Step(" ".join(words), ended, failure, part, whole)


def materialization_step(mat: Materialization, run: str | None, staging: StagedRun | None = None) -> Step:
    """How far a materialization is with a run.

    Args:
        mat: the Materialization.
        run: the run; None where none is awaited, and the newest will do.
        staging: the StagedRun that `status.latest` names, as far as it is known.
    """
    staged, promoted = ends.condition_of(mat, "Staged"), ends.condition_of(mat, "Promoted")
    if staged is None or promoted is None:
        return Step("Pending")
    latest = mat.status.latest
    known = run is None or (latest is not None and latest.run == run)
    if staged.reason == StagedReason.SUSPENDED:
        return Step("Suspended", done=True)
    if staged.reason in ends.ENDS["Materialization"]["Staged"] and known:
        return Step(staged.reason, done=True, failure=staged)
    if staged.reason != StagedReason.STAGED or not known:
        return _staging(staged, staging if known else None)
    if promoted.reason in SETTLED:
        failure = promoted if promoted.status == "False" else None
        return Step(f"Staged {promoted.reason}", done=True, failure=failure)
    return Step(f"Staged {promoted.reason}", done=promoted.status == "True")


def _staging(staged: Condition, staging: StagedRun | None) -> Step:
    """What is going on, as the StagedRun tells it where there is one."""
    if staged.reason != StagedReason.STAGING or staging is None:
        return Step(_short(staged))
    status, ready = staging.status, ends.condition_of(staging, "Ready")
    words = _short(ready) if ready is not None else _short(staged)
    if status.tries > 1:
        words += f", try {status.tries}"
    if status.progress is None:
        return Step(words)
    part, _, whole = status.progress.partition("/")
    numbers = part.isdecimal() and whole.isdecimal()
    return Step(f"{words} {status.progress}", part=int(part) if numbers else 0, whole=int(whole) if numbers else 0)


def _short(condition: Condition) -> str:
    """The reason, and the message where it fits on the line."""
    first = condition.message.split("\n", 1)[0]
    return f"{condition.reason} ({first})" if 0 < len(first) <= 100 else condition.reason
