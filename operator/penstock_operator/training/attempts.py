"""Which attempt is under way, and which run it is for. Pure."""

from __future__ import annotations

from penstock.api.trainingjob import Attempt, AttemptState, TrainingJob, TrainingJobStatus
from penstock.rundir.digests import digest_json
from penstock_operator.digest import spec_digest
from penstock_operator.training.rerun import rerun_token

RUN_FIELDS = ("source", "entrypoint", "args", "params", "env", "workers", "strategy", "ray", "outputs")
"""The fields of the spec that define a run: a change of one is a new run."""

LIVE = (AttemptState.PENDING, AttemptState.SUBMITTED, AttemptState.RUNNING, AttemptState.STOPPING)


def run_digest(job: TrainingJob) -> str:
    """The digest of what defines a run: fields of the spec, and the rerun that was asked for."""
    digest, token = spec_digest(job.spec, RUN_FIELDS), rerun_token(job)
    return digest if token is None else digest_json([digest, token])


def current_attempt(status: TrainingJobStatus) -> Attempt | None:
    """The attempt that is recorded and has not ended."""
    last = status.attempts[-1] if status.attempts else None
    return last if last is not None and last.state in LIVE else None


def is_complete(job: TrainingJob) -> bool:
    """Whether the newest attempt succeeded with the spec as it is: nothing is to begin."""
    last = job.status.attempts[-1] if job.status.attempts else None
    return last is not None and last.state is AttemptState.SUCCEEDED and last.spec_digest == run_digest(job)
