"""What is built is of KubeRay's form, to the last field."""

from __future__ import annotations

import itertools
import os
from typing import Any

import pytest
from kuberay_definitions import VARIABLE
from kuberay_standin import invalid

from penstock.api.materialization import Materialization
from penstock.api.meta import SecretKeyRef
from penstock.api.ray import KubeRay
from penstock.api.trainingjob import TrainingJob, Workers
from penstock.installation import Installation
from penstock_operator.adapters.ray.kuberay.build import ray_cluster, ray_job
from penstock_operator.ports import RaySubmission

UID = "0f3c2a10-5b1e-4c7e-9a55-2f6f0e8d1c11"
NAME = "a-name-that-is-as-long-as-a-name-of-an-object-of-ours-may-be-ab"
numbers = itertools.count(1)
WIDEST: dict[str, Any] = {
    "image": "registry.example/train:1",
    "imagePullPolicy": "Always",
    "serviceAccountName": "trainer",
    "queueName": "team-a",
    "nodeSelector": {"example.com/pool": "gpu"},
    "tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
    "volumes": [{"name": "scratch", "emptyDir": {"sizeLimit": "1Gi"}}],
    "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
    "head": {"cpus": 2, "memory": "4Gi", "podTemplate": {"spec": {"priorityClassName": "high"}}},
    "workers": {"podTemplate": {"metadata": {"annotations": {"a": "b"}}}},
    "ttlSecondsAfterFinished": 0,
}
SINGLE = {"cpus": 1.0, "gpus": 1.0, "memory_bytes": 1 << 30}
WORKERS = {"workers": Workers(count=2, cpus=2, gpus=1, memory="1Gi")}


def owner(kind: str, namespace: str) -> TrainingJob | Materialization:
    meta = {"name": NAME, "namespace": namespace, "uid": UID}
    if kind == "TrainingJob":
        spec: dict[str, Any] = {"source": {"type": "Path", "path": "/code"}, "entrypoint": "train.py"}
        return TrainingJob.model_validate({"metadata": meta, "spec": spec})
    spec = {"trainingJobRef": {"name": "digits"}, "gates": []}
    return Materialization.model_validate({"kind": kind, "metadata": meta, "spec": spec})


@pytest.mark.parametrize("kind", ["TrainingJob", "Materialization"])
@pytest.mark.parametrize("asked", [{}, SINGLE, WORKERS], ids=["nothing", "single", "workers"])
@pytest.mark.parametrize("spec", [{}, WIDEST], ids=["smallest", "widest"])
@pytest.mark.parametrize("kept", [False, True], ids=["own", "kept"])
def test_the_api_server_takes_it_strictly(
    site: Any, kind: str, asked: dict[str, Any], spec: dict[str, Any], kept: bool
) -> None:
    if not os.environ.get(VARIABLE):
        pytest.skip(f"{VARIABLE} is not set: it names KubeRay's own definitions")
    submission = RaySubmission(
        submission_id=f"penstock-{UID}-{next(numbers)}",
        entrypoint="python -m penstock.train.launch",
        env={"LEVEL": "info", "NOTHING": ""},
        secrets={"TOKEN": SecretKeyRef(name="hub", key="token")},
        metadata={"penstock.dev/run": "r-1"},
        **asked,
    )
    place = Installation.model_validate(
        {
            "artifacts": "s3://bucket",
            "artifactsSecret": "s3",
            "artifactsClaim": "runs",
            "ray": {"type": "KubeRay", "kubeRay": {}},
            "platformImage": "penstock/ray:1",
        }
    )
    one, kube_ray = owner(kind, site.namespace), KubeRay.model_validate(spec)
    cluster = ray_cluster(one, submission, kube_ray, place) if kept else None
    job = ray_job(one, submission, kube_ray, place, cluster["metadata"]["name"] if cluster else None)
    assert invalid(job) == ""
    for plural, obj in (("rayjobs", job), ("rayclusters", cluster)):
        if obj is not None:
            path = f"{site.path(plural, group='ray.io/v1')}?fieldValidation=Strict"
            answer = site.client.post(path, json=obj)
            assert answer.status_code == 201, answer.text
