"""From a submission to the RayJob that KubeRay carries out. Pure.

https://docs.ray.io/en/latest/cluster/kubernetes/getting-started/rayjob-quick-start.html
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import yaml

from penstock.api import API_VERSION, StagedRun, TrainingJob
from penstock.api.ray import KubeRay
from penstock.installation import Installation
from penstock.naming import SUBMISSION_ANNOTATION
from penstock_operator.adapters.ray.kuberay.names import (
    PODS_LABEL,
    QUEUE_LABEL,
    labels,
    ray_job_name,
)
from penstock_operator.adapters.ray.kuberay.pods import cluster_spec
from penstock_operator.ports import Object, RaySubmission

RAY_API = "ray.io/v1"
STAYS_DOWN = {"ray.io/disable-provisioned-head-restart": "true"}
"""A head pod that is lost is not made again: it would know nothing of the job, and get it a second time."""

Owner = TrainingJob | StagedRun


def ray_job(
    owner: Owner, submission: RaySubmission, kube_ray: KubeRay, installation: Installation, cluster: str | None = None
) -> Object:
    """The RayJob of a submission.

    Args:
        owner: whose job it is; it owns the RayJob.
        submission: what to run.
        kube_ray: how the pods are to be.
        installation: its defaults.
        cluster: a RayCluster that is there, to run on; without it the RayJob has one of its own.

    Raises:
        Invalid: no image is named.
    """
    spec: dict[str, Any] = {
        "jobId": submission.submission_id,
        "entrypoint": submission.entrypoint,
        "runtimeEnvYAML": _yaml({"env_vars": dict(submission.env)}),
        "metadata": dict(submission.metadata),
        # Through a shell's command line, as the other modes go, `$` in a variable would be expanded.
        "submissionMode": "HTTPMode",
        # A retry is a new attempt, which Penstock counts.
        "backoffLimit": 0,
    }
    if submission.cpus:
        spec["entrypointNumCpus"] = submission.cpus
    if submission.gpus:
        spec["entrypointNumGpus"] = submission.gpus
    meta = _meta(owner, ray_job_name(owner.metadata.name, submission.submission_id))
    meta["annotations"] = {SUBMISSION_ANNOTATION: submission.submission_id}
    if cluster is not None:
        return _object("RayJob", meta, {**spec, "clusterSelector": {"ray.io/cluster": cluster}})
    meta["annotations"] |= STAYS_DOWN
    spec |= {
        "shutdownAfterJobFinishes": True,
        "ttlSecondsAfterFinished": kube_ray.ttl_seconds_after_finished,
        "rayClusterSpec": cluster_spec(submission, kube_ray, installation, labels(owner)),
    }
    if kube_ray.queue_name is not None:
        meta["labels"][QUEUE_LABEL] = kube_ray.queue_name
        # Kueue lets it go when there is room.
        spec["suspend"] = True
    return _object("RayJob", meta, spec)


def ray_cluster(owner: Owner, submission: RaySubmission, kube_ray: KubeRay, installation: Installation) -> Object:
    """The RayCluster that an attempt leaves to the next one; it is called as the RayJob of the attempt is."""
    meta = _meta(owner, ray_job_name(owner.metadata.name, submission.submission_id))
    meta["annotations"] = dict(STAYS_DOWN)
    spec = cluster_spec(submission, kube_ray, installation, labels(owner))
    if kube_ray.queue_name is not None:
        meta["labels"][QUEUE_LABEL] = kube_ray.queue_name
        spec["suspend"] = True
    meta["labels"][PODS_LABEL] = pods_digest(owner, submission, kube_ray, installation)
    return _object("RayCluster", meta, spec)


def pods_digest(owner: Owner, submission: RaySubmission, kube_ray: KubeRay, installation: Installation) -> str:
    """Digest of the pods that a submission needs: another job's cluster is not for it."""
    spec = cluster_spec(submission, kube_ray, installation, labels(owner))
    return hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:32]


def _meta(owner: Owner, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "namespace": owner.metadata.namespace,
        "labels": labels(owner),
        "ownerReferences": [
            {
                "apiVersion": API_VERSION,
                "kind": owner.kind,
                "name": owner.metadata.name,
                "uid": owner.metadata.uid,
                "controller": True,
                "blockOwnerDeletion": False,
            }
        ],
    }


def _object(kind: str, meta: dict[str, Any], spec: dict[str, Any]) -> Object:
    return {"apiVersion": RAY_API, "kind": kind, "metadata": meta, "spec": spec}


def _yaml(value: dict[str, Any]) -> str:
    """Every string in double quotes: unquoted, `1e3` and `yes` are strings to one YAML and none to another."""
    # JSON is YAML, and is written thirty times as fast; but what it escapes as two halves is not one letter there.
    text = json.dumps(value, ensure_ascii=False)
    if not text.isascii() or not text.isprintable():
        text = yaml.safe_dump(value, default_style='"', allow_unicode=False, width=1 << 30)
    return text
