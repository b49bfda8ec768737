"""The authorities of the artifact store go along with what the operator submits, whichever Ray it is for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from authority import Authority
from worlds import world

from penstock.api import StagedRun, TrainingJob
from penstock.api.trainingjob import Attempt
from penstock.installation import Installation
from penstock.rundir.authorities import CONTENT_VARIABLE
from penstock_operator.adapters.authorities import MOST_BYTES
from penstock_operator.ports import RaySubmission, Refused
from penstock_operator.stagedrun.submission import staging_submission
from penstock_operator.training.actions import Submit
from penstock_operator.training.converge import Converger

META = {"name": "a", "namespace": "team", "uid": "u"}


class Rays:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.submitted: list[RaySubmission] = []

    async def ray_of(self, owner: Any) -> Rays:
        return self

    async def submit(self, submission: RaySubmission) -> None:
        self.submitted.append(submission)


def installation(path: Path | None) -> Installation:
    named = {"artifactsCaPath": str(path)} if path is not None else {}
    return Installation.model_validate({"artifacts": "s3://b", "ray": {"type": "KubeRay", "kubeRay": {}}, **named})


async def attempt(home: Installation) -> RaySubmission:
    spec = {"source": {"type": "Path", "path": "a"}, "entrypoint": "train.py", "env": [{"name": "A", "value": "a"}]}
    job = TrainingJob.model_validate({"kind": "TrainingJob", "metadata": META, "spec": spec})
    begun = Attempt.model_validate({"number": 1, "run": "u-1", "submissionId": "penstock-u-1", "state": "Submitted"})
    rays = Rays()
    await Converger(world(rays=rays, installation=home)).converge(job, Submit(begun))
    return rays.submitted[0]


def staging(home: Installation) -> RaySubmission:
    ref = {"name": "a", "uid": "u"}
    spec = {
        "materializationRef": ref,
        "trainingRunRef": ref,
        "uri": "s3://b/team/a/u-1",
        "trainedAt": "2026-01-01T00:00:00Z",
        "digest": "sha256:0",
        "deadlineSeconds": 60,
        "retryLimit": 0,
        "gracePeriodSeconds": 0,
    }
    status = {"latestTry": {"number": 1, "submissionId": "s"}}
    staged = StagedRun.model_validate({"kind": "StagedRun", "metadata": META, "spec": spec, "status": status})
    return staging_submission(staged, {}, {}, home)


async def test_attempts_and_stagings_are_handed_what_the_file_holds_now(tmp_path: Path) -> None:
    for number in (1, 2):
        authority = Authority(tmp_path / str(number))
        (tmp_path / "ca.crt").write_bytes(authority.certificate.read_bytes())
        home = installation(tmp_path / "ca.crt")
        for submission in (await attempt(home), staging(home)):
            assert submission.env[CONTENT_VARIABLE] == authority.certificate.read_text()
    assert (await attempt(home)).env["A"] == "a"
    assert CONTENT_VARIABLE not in (await attempt(installation(None))).env


async def test_a_bundle_that_cannot_be_handed_over_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"cannot be read.*absent"):
        await attempt(installation(tmp_path / "absent"))
    (tmp_path / "whole").write_text("-" * (MOST_BYTES + 1))
    with pytest.raises(Refused, match="more than 65536 bytes: give the private one alone, or put the file into the im"):
        staging(installation(tmp_path / "whole"))
