"""Which attempt is under way, and whether it is one of the spec as it is. Pure."""

from __future__ import annotations

from penstock.api.trainingjob import Attempt, AttemptState, TrainingJob, TrainingJobStatus
from penstock.rundir.digests import digest_json
from penstock_operator.training.rerun import rerun_token
from penstock_operator.training.result import result_digest

LIVE = (AttemptState.PENDING, AttemptState.SUBMITTED, AttemptState.RUNNING, AttemptState.STOPPING)


def run_digest(job: TrainingJob) -> str:
    """The digest that an attempt for the job as it is has: of what changes the result, and of the rerun asked for."""
    digest, token = result_digest(job.spec), rerun_token(job)
    return digest if token is None else digest_json([digest, token])


def config_map(job: TrainingJob) -> str | None:
    """The name of the ConfigMap that holds the code, where one does."""
    ref = job.spec.source.config_map_ref
    return ref.name if ref is not None else None


def current_attempt(status: TrainingJobStatus) -> Attempt | None:
    """The attempt that is recorded and has not ended."""
    last = status.attempts[-1] if status.attempts else None
    return last if last is not None and last.state in LIVE else None


def is_of(attempt: Attempt, job: TrainingJob, revision: str | None = None) -> bool:
    """Whether an attempt is one of the job as it is.

    Args:
        attempt: any of the job's.
        job: as it is.
        revision: the digest of its code, where that was looked at: a ConfigMap of another name may hold the same.
    """
    if attempt.spec_digest != run_digest(job):
        return False
    return attempt.config_map == config_map(job) or (revision is not None and attempt.source_revision == revision)


def is_complete(job: TrainingJob) -> bool:
    """Whether the newest attempt succeeded with the spec as it is: nothing is to begin."""
    last = job.status.attempts[-1] if job.status.attempts else None
    return last is not None and last.state is AttemptState.SUCCEEDED and is_of(last, job)
