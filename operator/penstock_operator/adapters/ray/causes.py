"""Why a Ray job failed: by its own code, by Ray before that began, or by Ray while it ran. Pure.

Ray names a cause in `error_type`; KubeRay hands on its message alone.
https://docs.ray.io/en/latest/cluster/running-applications/job-submission/doc/ray.job_submission.JobDetails.html
"""

from __future__ import annotations

UNBEGUN = frozenset(
    {
        "RUNTIME_ENV_SETUP_FAILURE",
        "JOB_SUPERVISOR_ACTOR_START_TIMEOUT",
        "JOB_SUPERVISOR_ACTOR_START_FAILURE",
        "JOB_SUPERVISOR_ACTOR_UNSCHEDULABLE",
        "JOB_ENTRYPOINT_COMMAND_START_ERROR",
    }
)
"""The entrypoint never began: the job was not placed, or its process not started."""
FAULTS = frozenset({"JOB_SUPERVISOR_ACTOR_DIED", "JOB_SUPERVISOR_ACTOR_UNKNOWN_FAILURE"})
"""What watches over the entrypoint was lost; the entrypoint may have run until then."""

UNBEGUN_MESSAGES = (
    "Job supervisor actor could not be scheduled",
    "Job supervisor actor failed to start",
    "Failed to start supervisor actor",
    "Unexpected error occurred: failed to get job supervisor",
    "runtime_env setup failed",
)
"""How the messages of such jobs begin."""


def unbegun(message: str, error_type: str | None = None) -> str:
    """Why the entrypoint of a failed job never began; empty where it did, or may have."""
    if error_type is None:
        return message if message.startswith(UNBEGUN_MESSAGES) else ""
    return (message or error_type) if error_type in UNBEGUN else ""


def fault(message: str, error_type: str | None) -> str:
    """What of Ray failed under an entrypoint; empty where it was the entrypoint itself."""
    return (message or str(error_type)) if error_type in FAULTS else ""
