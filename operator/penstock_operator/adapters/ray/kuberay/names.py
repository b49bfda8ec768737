"""What a RayJob and its labels are called."""

from __future__ import annotations

import hashlib

from penstock.api import StagedRun, TrainingJob
from penstock.naming import UID_LABEL

MAX_NAME = 47
"""KubeRay refuses a longer RayJob: it makes longer names from it."""
PODS_LABEL = "penstock.dev/pods"
QUEUE_LABEL = "kueue.x-k8s.io/queue-name"


def ray_job_name(owner: str, submission_id: str) -> str:
    """The RayJob of a submission, the same whoever computes it: a DNS label of RFC 1035 of at most 47 characters.

    Args:
        owner: the name of the object whose job it is, for people to find it.
        submission_id: ends in the number of the attempt; its digest keeps two owners apart.
    """
    digest = hashlib.sha256(submission_id.encode()).hexdigest()[:12]
    tail = f"-{digest}-{submission_id.rsplit('-', 1)[-1]}"
    stem = owner if owner[0].isalpha() else f"job-{owner}"
    return f"{stem[: MAX_NAME - len(tail)].rstrip('-')}{tail}"


def labels(owner: TrainingJob | StagedRun) -> dict[str, str]:
    """The labels of what is made for an object, and of its pods; KubeRay hands those of a RayJob on to its RayCluster.

    app.kubernetes.io/name is KubeRay's own: by it the Service of the head finds its pod.
    """
    return {
        "app.kubernetes.io/instance": owner.metadata.name,
        "app.kubernetes.io/component": "training" if isinstance(owner, TrainingJob) else "staging",
        "app.kubernetes.io/part-of": "penstock",
        "app.kubernetes.io/managed-by": "penstock",
        UID_LABEL: owner.metadata.uid,
    }
