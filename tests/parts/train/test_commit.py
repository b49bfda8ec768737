"""The manifest says what a TrainingRun says: one that is lost with its cluster can be made again from it."""

from __future__ import annotations

from pathlib import Path

from penstock.api.trainingjob import Attempt, AttemptState, TrainingJob
from penstock.handoff import AttemptSource, AttemptSpec
from penstock.rundir.manifest import Manifest
from penstock.train.commit import commit
from penstock_operator.training.record import training_run


def test_all_that_a_training_run_says_of_its_attempt_is_in_the_manifest(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("")
    runs = tmp_path / "runs"
    job = TrainingJob.model_validate(
        {
            "metadata": {"name": "digits", "namespace": "team", "uid": "0f3c2a10-5b1e"},
            "spec": {"source": {"type": "Path", "path": str(tmp_path)}, "entrypoint": "train.py"},
        }
    )
    spec = AttemptSpec(
        namespace="team",
        name="digits",
        uid=job.metadata.uid,
        attempt=2,
        run="0f3c2a10-2",
        run_uri=f"{runs}/0f3c2a10-2",
        resume_uri=f"{runs}/0f3c2a10-1",
        source=AttemptSource(path=str(tmp_path)),
        entrypoint="train.py",
        params={"epochs": "3"},
    )
    (runs / "0f3c2a10-2").mkdir(parents=True)
    manifest = commit(spec)
    read = Manifest.model_validate_json((runs / "0f3c2a10-2" / "manifest.json").read_bytes())
    read.check("manifest.json")
    assert read == manifest
    attempt = Attempt(
        number=2,
        run=spec.run,
        submission_id="s",
        entrypoint="train.py",
        resume_from="0f3c2a10-1",
        state=AttemptState.SUCCEEDED,
    )
    said = training_run(job, attempt, manifest, spec.run_uri)["spec"]
    assert (said["entrypoint"], said["resumedFrom"]) == (read.entrypoint, read.resumed_from)
    assert said["trainingJobRef"] == {"name": read.job, "uid": read.uid}
    assert said["attempt"] == read.attempt
    assert said["params"] == [{"name": "epochs", "value": "3"}]
