"""Code that was fetched comes to the workers of a real Ray, whatever its .gitignore says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from penstock.handoff import ATTEMPT_VARIABLE, GIT_TOKEN_VARIABLE, AttemptSpec
from penstock.rundir.read import read_manifest
from penstock.sources.archive import File, pack
from penstock.sources.store import archive_uri, put

CODE = """
import os, pathlib, helper, penstock.train
run = penstock.train.current()
here = pathlib.Path(__file__).parent
assert pathlib.Path.cwd() == here
assert "PENSTOCK_GIT_TOKEN" not in os.environ
run.write_features("features", {"id": [run.rank], "place": [str(here)]}, entity_keys=["id"])
run.report(1, 1, answer=helper.ANSWER)
"""


@pytest.mark.ray
def test_workers_get_what_was_fetched(tmp_path: Path) -> None:
    artifacts = f"file://{tmp_path}/artifacts"
    files = {"train.py": CODE.encode(), "helper.py": b"ANSWER = 42", ".gitignore": b"helper.py"}
    archive = pack({name: File(content) for name, content in files.items()})
    put(artifacts, archive)
    spec = AttemptSpec.model_validate(
        {
            "namespace": "default",
            "name": "job",
            "uid": "u",
            "attempt": 1,
            "run": "u-1",
            "runUri": f"{artifacts}/default/job/u-1",
            "source": {"archive": {"uri": archive_uri(artifacts, archive.digest), "digest": archive.digest}},
            "entrypoint": "train.py",
            "workers": {"count": 2, "cpus": 1},
            "strategy": {"name": "DataParallel"},
        }
    )
    env = {**os.environ, ATTEMPT_VARIABLE: spec.model_dump_json(by_alias=True), "RAY_USAGE_STATS_ENABLED": "0"}
    env[GIT_TOKEN_VARIABLE] = "s3cret"
    command = [sys.executable, "-m", "penstock.train.launch"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    manifest = read_manifest(spec.run_uri)
    assert (manifest.metrics, manifest.outputs[0].rows) == ({"answer": 42.0}, 2)
