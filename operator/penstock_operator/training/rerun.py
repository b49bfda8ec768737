"""A run more of the same spec, asked for by an annotation. Pure.

A revert of a manifest brings back only what was answered before, or nothing at all: neither starts a run.
"""

from __future__ import annotations

from penstock.api.trainingjob import TrainingJob, TrainingJobStatus, asked_rerun

MAX_ANSWERED = 64


def rerun_token(job: TrainingJob) -> str | None:
    """The token that the newest attempt must have: a new one that is asked for, or the last that was answered."""
    asked = asked_rerun(job)
    if asked is not None and asked not in job.status.reruns:
        return asked
    return job.status.attempts[-1].rerun_token if job.status.attempts else None


def answer(status: TrainingJobStatus, token: str | None) -> None:
    """Remember that a token has its attempt."""
    if token is not None and token not in status.reruns:
        status.reruns = [*status.reruns, token][-MAX_ANSWERED:]
