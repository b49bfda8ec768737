"""The RayJob that is built from an object, a submission and an installation."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from penstock.api.materialization import Materialization
from penstock.api.meta import SecretKeyRef
from penstock.api.ray import ClusterReuse, KubeRay
from penstock.api.trainingjob import TrainingJob, Workers
from penstock.installation import Installation
from penstock_operator.adapters.ray.kuberay.build import pods_digest, ray_cluster, ray_job
from penstock_operator.adapters.ray.kuberay.names import PODS_LABEL
from penstock_operator.ports import Invalid, RaySubmission

ROOT = Path(__file__).parents[3]
UID = "0f3c2a10-5b1e-4c7e-9a55-2f6f0e8d1c11"
MI = 1 << 20
META = {"name": "digits", "namespace": "team", "uid": UID}
TRAINING = TrainingJob.model_validate(
    {"metadata": META, "spec": {"source": {"type": "Path", "path": "digits"}, "entrypoint": "train.py"}}
)
STAGING = Materialization.model_validate(
    {
        "kind": "Materialization",
        "metadata": META,
        "spec": {"trainingJobRef": {"name": "digits"}, "gates": [], "vectors": []},
    }
)
SINGLE = RaySubmission(f"penstock-{UID}-1", "python -m penstock.train.launch", {"LEVEL": "info"}, cpus=1)
DISTRIBUTED = replace(SINGLE, cpus=0, workers=Workers(count=3, cpus=4, gpus=1, memory="8Gi"))


def installation(**fields: Any) -> Installation:
    return Installation.model_validate(
        {"artifacts": "s3://b", "ray": {"type": "KubeRay", "kubeRay": {}}, "platformImage": "penstock/ray:1", **fields}
    )


def built(submission: RaySubmission = SINGLE, *, owner: Any = TRAINING, place: Any = None, **spec: Any) -> Any:
    return ray_job(owner, submission, KubeRay.model_validate(spec), place or installation())


def head(job: Any) -> Any:
    return job["spec"]["rayClusterSpec"]["headGroupSpec"]


def pod(group: Any) -> Any:
    return group["template"]["spec"]


def container(group: Any) -> Any:
    return pod(group)["containers"][0]


def limits(group: Any) -> dict[str, str]:
    resources = container(group)["resources"]
    assert resources["limits"] == resources["requests"]
    found: dict[str, str] = resources["limits"]
    return found


def worker(job: Any) -> Any:
    (group,) = job["spec"]["rayClusterSpec"]["workerGroupSpecs"]
    return group


def test_a_rayjob_belongs_to_its_object_and_runs_once() -> None:
    job = built()
    assert (job["apiVersion"], job["kind"], job["metadata"]["namespace"]) == ("ray.io/v1", "RayJob", "team")
    (reference,) = job["metadata"]["ownerReferences"]
    assert (reference["kind"], reference["name"], reference["uid"]) == ("TrainingJob", "digits", UID)
    spec = job["spec"]
    assert (spec["jobId"], spec["entrypoint"]) == (SINGLE.submission_id, SINGLE.entrypoint)
    assert (spec["backoffLimit"], spec["submissionMode"]) == (0, "HTTPMode")
    assert (spec["shutdownAfterJobFinishes"], spec["ttlSecondsAfterFinished"]) == (True, 300)
    assert "suspend" not in spec
    # KubeRay submits a job again that a new head does not know: so there must be no new head.
    assert job["metadata"]["annotations"]["ray.io/disable-provisioned-head-restart"] == "true"
    assert pod(head(job))["restartPolicy"] == "Never"


def test_every_cluster_asks_for_a_token_and_says_the_version_of_ray_that_kuberay_wants_to_know() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = {one for extra in ("train", "materialize") for one in project["optional-dependencies"][extra]}
    kept = ray_cluster(TRAINING, SINGLE, KubeRay(), installation())
    for spec in (built()["spec"]["rayClusterSpec"], built(owner=STAGING)["spec"]["rayClusterSpec"], kept["spec"]):
        assert spec["authOptions"] == {"mode": "token"}
        # A token of another's: KubeRay makes one for each cluster, where none is named.
        assert "secretName" not in spec["authOptions"]
        assert {one for one in pinned if one.startswith("ray[")} == {
            f"ray[default,train]=={spec['rayVersion']}",
            f"ray[default]=={spec['rayVersion']}",
        }


def test_the_label_by_which_kuberay_finds_its_head_is_left_to_it() -> None:
    for labels in (built()["metadata"]["labels"], head(built())["template"]["metadata"]["labels"]):
        assert "app.kubernetes.io/name" not in labels
        assert "app.kubernetes.io/created-by" not in labels
        assert labels["app.kubernetes.io/managed-by"] == "penstock"
        assert labels["app.kubernetes.io/instance"] == "digits"


@pytest.mark.parametrize(
    ("submission", "spec", "expected", "ray_cpus"),
    [
        (SINGLE, {}, {"cpu": "1", "memory": str(2048 * MI)}, "1"),
        (replace(SINGLE, cpus=4, gpus=2), {}, {"cpu": "4", "memory": str(2048 * MI), "nvidia.com/gpu": "2"}, "4"),
        (replace(SINGLE, memory_bytes=1024 * MI), {}, {"cpu": "1", "memory": str(3072 * MI)}, "1"),
        (SINGLE, {"head": {"cpus": 3, "memory": "512Mi"}}, {"cpu": "3", "memory": str(512 * MI)}, "3"),
        (replace(SINGLE, cpus=0), {"head": {"cpus": 0}}, {"memory": str(2048 * MI)}, "0"),
        (DISTRIBUTED, {}, {"cpu": "1", "memory": str(2048 * MI)}, "0"),
    ],
)
def test_the_head_has_room_for_ray_and_for_the_entrypoint(
    submission: RaySubmission, spec: dict[str, Any], expected: dict[str, str], ray_cpus: str
) -> None:
    group = head(built(submission, **spec))
    assert limits(group) == expected
    assert group["rayStartParams"] == {"num-cpus": ray_cpus}


def test_the_entrypoint_of_single_reserves_what_its_worker_asks_for() -> None:
    spec = built(replace(SINGLE, cpus=4, gpus=2))["spec"]
    assert (spec["entrypointNumCpus"], spec["entrypointNumGpus"]) == (4, 2)
    assert spec["rayClusterSpec"]["workerGroupSpecs"] == []
    assert not {"entrypointNumCpus", "entrypointNumGpus"} & built(DISTRIBUTED)["spec"].keys()


def test_workers_have_pods_of_their_own() -> None:
    group = worker(built(DISTRIBUTED))
    assert {group[name] for name in ("replicas", "minReplicas", "maxReplicas")} == {3}
    assert limits(group) == {"cpu": "4", "memory": str(8192 * MI), "nvidia.com/gpu": "1"}
    assert container(group)["name"] == "ray-worker"
    assert group["rayStartParams"] == {"num-cpus": "4"}


def test_a_staging_runs_on_the_head_alone_and_belongs_to_its_materialization() -> None:
    job = built(replace(SINGLE, cpus=0), owner=STAGING)
    assert job["spec"]["rayClusterSpec"]["workerGroupSpecs"] == []
    assert job["metadata"]["ownerReferences"][0]["kind"] == "Materialization"
    assert job["metadata"]["labels"]["app.kubernetes.io/component"] == "staging"


def test_secrets_are_named_and_never_told() -> None:
    secrets = {"TOKEN": SecretKeyRef(name="hub", key="token")}
    job = built(replace(DISTRIBUTED, secrets=secrets))
    for group in (head(job), worker(job)):
        expected = {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "hub", "key": "token"}}}
        assert container(group)["env"] == [expected]
    assert yaml.safe_load(job["spec"]["runtimeEnvYAML"]) == {"env_vars": {"LEVEL": "info"}}


def test_artifacts_come_by_a_secret_or_a_claim() -> None:
    job = built(DISTRIBUTED, place=installation(artifactsSecret="s3", artifactsClaim="runs"))
    for group in (head(job), worker(job)):
        assert container(group)["envFrom"] == [{"secretRef": {"name": "s3"}}]
        mounts = {mount["mountPath"]: mount["name"] for mount in container(group)["volumeMounts"]}
        volumes = {volume["name"]: volume for volume in pod(group)["volumes"]}
        claim = volumes[mounts["/var/lib/penstock"]]["persistentVolumeClaim"]
        assert claim == {"claimName": "runs"}
        assert "emptyDir" in volumes[mounts["/tmp"]]


def test_pods_are_as_the_user_says() -> None:
    job = built(
        DISTRIBUTED,
        image="mine:1",
        imagePullPolicy="Always",
        serviceAccountName="trainer",
        nodeSelector={"pool": "gpu"},
        tolerations=[{"key": "gpu", "operator": "Exists"}],
        volumes=[{"name": "scratch", "emptyDir": {}}],
        volumeMounts=[{"name": "scratch", "mountPath": "/scratch"}],
        ttlSecondsAfterFinished=0,
        head={
            "podTemplate": {"spec": {"priorityClassName": "high", "containers": [{"name": "ray-head", "tty": True}]}}
        },
        workers={"podTemplate": {"metadata": {"annotations": {"a": "b"}}}},
    )
    assert job["spec"]["ttlSecondsAfterFinished"] == 0
    for group in (head(job), worker(job)):
        spec, ray = pod(group), container(group)
        assert (ray["image"], ray["imagePullPolicy"]) == ("mine:1", "Always")
        assert (spec["serviceAccountName"], spec["automountServiceAccountToken"]) == ("trainer", True)
        assert spec["nodeSelector"] == {"pool": "gpu"}
        assert spec["tolerations"] == [{"key": "gpu", "operator": "Exists"}]
        assert {"name": "scratch", "emptyDir": {}} in spec["volumes"]
        assert {"name": "scratch", "mountPath": "/scratch"} in ray["volumeMounts"]
    assert (pod(head(job))["priorityClassName"], container(head(job))["tty"]) == ("high", True)
    assert worker(job)["template"]["metadata"]["annotations"] == {"a": "b"}


def test_a_volume_of_the_user_s_takes_the_place_of_ours() -> None:
    spec = pod(head(built(volumes=[{"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}}])))
    assert [volume["name"] for volume in spec["volumes"]] == ["tmp"]
    assert spec["volumes"][0]["emptyDir"] == {"sizeLimit": "1Gi"}


@pytest.mark.parametrize(("image", "read_only"), [(None, True), ("mine:1", False)])
def test_pods_are_restricted(image: str | None, read_only: bool) -> None:
    for group in (head(built(DISTRIBUTED, image=image)), worker(built(DISTRIBUTED, image=image))):
        spec, ray = pod(group), container(group)
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert ray["securityContext"]["allowPrivilegeEscalation"] is False
        assert ray["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert ray["securityContext"]["readOnlyRootFilesystem"] is read_only
        assert spec["automountServiceAccountToken"] is False


def test_without_any_image_there_is_no_rayjob() -> None:
    with pytest.raises(Invalid, match="platformImage"):
        built(place=installation(platformImage=None))


def test_kueue_gets_a_suspended_rayjob_in_its_queue() -> None:
    job = built(queueName="team-a")
    assert job["spec"]["suspend"] is True
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "team-a"
    # KubeRay refuses to suspend what it may not shut down.
    assert job["spec"]["shutdownAfterJobFinishes"] is True


def test_on_a_kept_cluster_a_rayjob_asks_for_nothing_that_kuberay_refuses_there() -> None:
    kube_ray = KubeRay(cluster_reuse=ClusterReuse.ON_RETRY, queue_name="team-a")
    spec = ray_job(TRAINING, SINGLE, kube_ray, installation(), "digits-1")["spec"]
    assert spec["clusterSelector"] == {"ray.io/cluster": "digits-1"}
    assert not {"rayClusterSpec", "suspend", "shutdownAfterJobFinishes", "ttlSecondsAfterFinished"} & spec.keys()
    assert spec["backoffLimit"] == 0
    cluster = ray_cluster(TRAINING, SINGLE, kube_ray, installation())
    assert cluster["spec"]["suspend"] is True
    assert cluster["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "team-a"
    assert cluster["metadata"]["ownerReferences"][0]["uid"] == UID


def test_a_cluster_is_kept_for_the_same_pods_alone() -> None:
    def digest(submission: RaySubmission = SINGLE, **spec: Any) -> str:
        return pods_digest(TRAINING, submission, KubeRay.model_validate(spec), installation())

    retry = replace(SINGLE, submission_id=f"penstock-{UID}-2", env={"LEVEL": "debug"})
    assert digest(retry) == digest(SINGLE)
    assert digest(DISTRIBUTED) != digest(SINGLE)
    assert digest(image="other:1") != digest()
    kept = ray_cluster(TRAINING, SINGLE, KubeRay(), installation())["metadata"]["labels"][PODS_LABEL]
    assert kept == digest()
    assert len(kept) <= 63


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
TRICKY = st.sampled_from(
    ["yes", "1e3", "0o17", "~", "null", "${SECRET}", "`id`", "a: b", "\x7f", "\u2028", "12:30", ""]
)


@given(st.dictionaries(st.from_regex(r"[A-Z_]{1,8}", fullmatch=True), TEXT | TRICKY, max_size=5))
def test_variables_survive_the_yaml_as_strings(env: dict[str, str]) -> None:
    text = built(replace(SINGLE, env=env))["spec"]["runtimeEnvYAML"]
    assert yaml.safe_load(text) == {"env_vars": env}
    # Every scalar is quoted, so that no other YAML reads a number or a truth into it.
    for line in text.splitlines()[1:]:
        assert line.strip().startswith('"') or env == {}, line
        assert line.strip().endswith('"'), line
    json.dumps(built(replace(SINGLE, env=env)))
