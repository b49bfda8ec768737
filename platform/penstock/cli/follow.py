"""How far a job or a materialization is, from its status. Pure."""

from __future__ import annotations

from typing import NamedTuple

from penstock.api import Materialization, TrainingJob
from penstock.api.materialization import PromotedReason, RunState, StagedReason
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
    condition = _condition(job, "Succeeded")
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


def materialization_step(mat: Materialization, run: str | None) -> Step:
    """How far a materialization is with a run; with the newest one where none is named."""
    staged, promoted = _condition(mat, "Staged"), _condition(mat, "Promoted")
    if staged is None or promoted is None:
        return Step("Pending")
    record = next((r for r in reversed(mat.status.runs) if r.run == run), None)
    known = run is None or (record is not None and record.state is not RunState.STAGING)
    if staged.reason == StagedReason.SUSPENDED:
        return Step("Suspended", done=True)
    if staged.reason in ends.ENDS["Materialization"]["Staged"] and known:
        return Step(staged.reason, done=True, failure=staged)
    if staged.reason != StagedReason.STAGED or not known:
        return Step(_short(staged))
    if promoted.reason in SETTLED:
        failure = promoted if promoted.status == "False" else None
        return Step(f"Staged {promoted.reason}", done=True, failure=failure)
    return Step(f"Staged {promoted.reason}", done=promoted.status == "True")


def _condition(resource: TrainingJob | Materialization, type_: str) -> Condition | None:
    return next((condition for condition in ends.fresh(resource) if condition.type == type_), None)


def _short(condition: Condition) -> str:
    """The reason, and the message where it fits on the line."""
    first = condition.message.split("\n", 1)[0]
    return condition.reason if len(first) > 100 else f"{condition.reason} ({first})"
