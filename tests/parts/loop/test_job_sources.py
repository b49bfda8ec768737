"""The control plane and the code of a job: checked before anything is submitted, stored once, swept when unnamed."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from worlds import world

from penstock.api.ray import RayBackend, RayCluster, RayType
from penstock.api.trainingjob import TrainingJob
from penstock.handoff import ATTEMPT_VARIABLE, GIT_TOKEN_VARIABLE, AttemptSpec
from penstock.installation import Installation
from penstock.rundir import storage
from penstock.sources.archive import File, pack
from penstock.sources.store import archive_uri, fetch, put
from penstock_operator.adapters.artifacts import FileArtifacts
from penstock_operator.kinds import training_job
from penstock_operator.local.apiserver.cluster import LocalCluster
from penstock_operator.local.apiserver.store import ObjectStore
from penstock_operator.loop.key import Key
from penstock_operator.loop.reconcile import reconcile
from penstock_operator.ports import Object, RayJob, RaySubmission
from penstock_operator.training.attempts import run_digest
from penstock_operator.training.leftovers import KEPT_LOGS

KEY = Key("TrainingJob", "default", "digits")
COMMIT = "0123456789abcdef0123456789abcdef01234567"
DATA = {"train.py": "import helper", "helper.py": "ANSWER = 42"}


@dataclass
class Ray:
    """Takes what it is given and never begins it."""

    submissions: list[RaySubmission] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)

    async def ray_of(self, owner: object) -> Ray:
        return self

    async def session(self) -> str:
        return "session_1"

    async def job(self, submission_id: str) -> RayJob | None:
        return None

    async def submit(self, submission: RaySubmission) -> None:
        self.submissions.append(submission)

    async def delete(self, submission_id: str) -> None:
        self.forgotten.append(submission_id)

    @property
    def spec(self) -> AttemptSpec:
        return AttemptSpec.model_validate_json(self.submissions[-1].env[ATTEMPT_VARIABLE])


class Plane:
    """A control plane over a store of objects and one of artifacts."""

    def __init__(self, folder: Path, artifacts: str) -> None:
        self.artifacts, self.ray, self.store = artifacts, Ray(), ObjectStore(folder / "state.db")
        backend = RayBackend(type=RayType.RAY_CLUSTER, ray_cluster=RayCluster(address="http://127.0.0.1:1"))
        self.installation = Installation(artifacts=artifacts, ray=backend)
        self.cluster = LocalCluster(self.store)
        self.kind = training_job(
            world(cluster=self.cluster, rays=self.ray, artifacts=FileArtifacts(), installation=self.installation)
        )

    def create(self, kind: str, name: str, **content: Any) -> dict[str, Any]:
        api = "v1" if kind in ("ConfigMap", "Secret") else "penstock.dev/v1alpha1"
        meta = {"name": name, "namespace": "default"}
        return dict(self.store.create({"apiVersion": api, "kind": kind, "metadata": meta, **content}))

    def job(self, source: dict[str, Any], **spec: Any) -> None:
        self.create("TrainingJob", "digits", spec={"source": source, "entrypoint": "train.py", **spec})

    async def settle(self, passes: int = 5) -> TrainingJob:
        for _ in range(passes):
            await reconcile(self.cluster, self.kind, KEY)
        return TrainingJob.model_validate(self.store.get(*KEY))


@pytest.fixture
def plane(tmp_path: Path, artifacts: str) -> Iterator[Plane]:
    plane = Plane(tmp_path, artifacts)
    yield plane
    plane.store.close()


def condition(job: TrainingJob) -> tuple[str, str, str]:
    (found,) = [one for one in job.status.conditions if one.type == "Succeeded"]
    return found.status, found.reason, found.message


async def test_a_config_map_runs_as_an_archive_of_its_files(plane: Plane, tmp_path: Path) -> None:
    encoded = {"weights.bin": base64.b64encode(b"\x00\xff").decode()}
    plane.create("ConfigMap", "code", data=DATA, binaryData=encoded)
    plane.job({"type": "ConfigMap", "configMapRef": {"name": "code"}})
    job = await plane.settle()
    (attempt,) = job.status.attempts
    spec = plane.ray.spec
    assert spec.source.archive is not None
    assert spec.source.archive.digest == attempt.source_revision
    assert storage.names(storage.join(plane.artifacts, "sources")) == [f"{attempt.source_revision[7:]}.tar.gz"]
    folder = tmp_path / "unpacked"
    folder.mkdir()
    fetch(spec.source.archive.uri, spec.source.archive.digest, folder)
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert found == {"weights.bin": b"\x00\xff"} | {name: text.encode() for name, text in DATA.items()}


async def test_what_is_recorded_is_what_runs_though_the_config_map_changes(plane: Plane) -> None:
    plane.create("ConfigMap", "code", data=DATA)
    plane.job({"type": "ConfigMap", "configMapRef": {"name": "code"}})
    recorded = (await plane.settle(2)).status.attempts[0].source_revision
    found = plane.store.get("ConfigMap", "default", "code")
    plane.store.update({**found, "data": {"train.py": "print('another')"}})
    await plane.settle()
    assert plane.ray.spec.source.revision == recorded
    assert recorded == pack({name: File(text.encode()) for name, text in DATA.items()}).digest


@pytest.mark.parametrize(
    ("source", "status", "reason", "message"),
    [
        (
            {"type": "ConfigMap", "configMapRef": {"name": "nowhere"}},
            "Unknown",
            "MissingReference",
            "spec.source.configMapRef: ConfigMap 'nowhere' is not in namespace 'default': create it",
        ),
        (
            {"type": "ConfigMap", "configMapRef": {"name": "empty"}},
            "False",
            "InvalidSource",
            "spec.entrypoint: 'train.py' is no key of ConfigMap 'empty' (spec.source.configMapRef), which has "
            "readme: correct one of them",
        ),
        (
            {"type": "Archive", "archive": {"digest": f"sha256:{'0' * 64}"}},
            "False",
            "InvalidSource",
            f"spec.source.archive: ARTIFACTS/sources/{'0' * 64}.tar.gz is not there: `penstock apply` uploads it",
        ),
        (
            {
                "type": "Git",
                "git": {"url": "https://x/y", "revision": COMMIT, "tokenSecretKeyRef": {"name": "git", "key": "token"}},
            },
            "Unknown",
            "MissingReference",
            "Secret 'git' is not in namespace 'default': create it",
        ),
    ],
)
async def test_code_that_is_not_there_is_told_before_anything_is_submitted(
    plane: Plane, source: dict[str, Any], status: str, reason: str, message: str
) -> None:
    plane.create("ConfigMap", "empty", data={"readme": ""})
    plane.job(source)
    job = await plane.settle()
    assert condition(job) == (status, reason, message.replace("ARTIFACTS", plane.artifacts))
    assert (plane.ray.submissions, job.status.attempts) == ([], [])
    assert storage.names(storage.join(plane.artifacts, "sources")) == []


async def test_an_archive_is_run_by_its_digest(plane: Plane) -> None:
    archive = pack({"train.py": File(b"pass")})
    put(plane.artifacts, archive)
    plane.job({"type": "Archive", "archive": {"digest": archive.digest}})
    job = await plane.settle()
    assert job.status.attempts[0].source_revision == archive.digest
    assert plane.ray.spec.source.archive is not None
    assert plane.ray.spec.source.archive.uri == archive_uri(plane.artifacts, archive.digest)


async def test_a_commit_is_handed_on_and_its_token_is_no_part_of_it(plane: Plane) -> None:
    plane.create("Secret", "git", data={"token": base64.b64encode(b"s3cret").decode()})
    ref = {"name": "git", "key": "token"}
    plane.job(
        {"type": "Git", "git": {"url": "https://x/y", "revision": COMMIT, "path": "job", "tokenSecretKeyRef": ref}}
    )
    job = await plane.settle()
    assert job.status.attempts[0].source_revision == COMMIT
    assert plane.ray.spec.source.git is not None
    assert (plane.ray.spec.source.git.revision, plane.ray.spec.source.git.path) == (COMMIT, "job")
    assert {name: ref.name for name, ref in plane.ray.submissions[-1].secrets.items()} == {GIT_TOKEN_VARIABLE: "git"}
    assert "s3cret" not in str(plane.ray.submissions)


async def test_the_secrets_of_a_job_that_is_complete_are_read_no_more(plane: Plane) -> None:
    ref = {"name": "token", "key": "token"}
    source = {"type": "Git", "git": {"url": "https://example.org/code.git", "revision": COMMIT}}
    plane.job(source, env=[{"name": "TOKEN", "secretKeyRef": ref}])
    obj = plane.store.get(*KEY)
    job = TrainingJob.model_validate(obj)
    over = {"number": 1, "run": "r-1", "submissionId": "s", "state": "Succeeded", "specDigest": run_digest(job)}
    plane.store.update_status({**obj, "status": {"attempts": [over]}})
    asked: list[str] = []

    class Counting(LocalCluster):
        async def get(self, kind: str, namespace: str, name: str) -> Object | None:
            asked.append(kind)
            return await super().get(kind, namespace, name)

    rays: Any = plane.ray
    parts = world(cluster=Counting(plane.store), rays=rays, artifacts=FileArtifacts(), installation=plane.installation)
    await reconcile(plane.cluster, training_job(parts), KEY)
    assert "Secret" not in asked


async def test_ray_forgets_the_old_attempts_of_a_job_that_is_complete(plane: Plane) -> None:
    plane.job({"type": "Git", "git": {"url": "https://example.org/code.git", "revision": COMMIT}})
    obj = plane.store.get(*KEY)
    digest = run_digest(TrainingJob.model_validate(obj))
    attempts = [
        {"number": n, "run": f"r-{n}", "submissionId": f"s-{n}", "state": "Succeeded", "specDigest": digest}
        for n in range(1, KEPT_LOGS + 3)
    ]
    plane.store.update_status({**obj, "status": {"attempts": attempts}})
    job = await plane.settle()
    assert plane.ray.forgotten == ["s-1", "s-2"]
    assert [one.number for one in job.status.attempts if one.forgotten] == [1, 2]
