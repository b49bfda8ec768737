"""A disk that fills while a run is written: the cause is told, nothing half-written counts, and space mends it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from penstock.handoff import ATTEMPT_VARIABLE, AttemptSource, AttemptSpec
from penstock.rundir.errors import ManifestMissing
from penstock.rundir.read import read_manifest

CODE = """
import numpy as np, penstock.train
run = penstock.train.current()
rows = run.params.int("rows", 0)
values = np.random.default_rng(0).normal(size=rows)
run.write_features("features", {"id": np.arange(rows), "value": values}, entity_keys=["id"])
run.report(1, total=1)
"""
# In a mount namespace of its own: nobody else sees the small disk, and it goes with the process.
ON_A_SMALL_DISK = """
mount -t tmpfs -o size=256k tmpfs "$1" || exit 90
"$2" -m penstock.train.launch
code=$?
cp -r "$1" "$3"
exit $code
"""


@pytest.mark.parametrize(("rows", "fits"), [(100_000, False), (100, True)])
def test_a_full_disk_fails_the_attempt_and_commits_nothing(tmp_path: Path, rows: int, fits: bool) -> None:
    disk, seen = tmp_path / "disk", tmp_path / "seen"
    disk.mkdir()
    (tmp_path / "train.py").write_text(CODE)
    spec = AttemptSpec(
        namespace="default",
        name="job",
        uid="u",
        attempt=1,
        run="u-1",
        run_uri=f"file://{disk}/u-1",
        source=AttemptSource(path=str(tmp_path)),
        entrypoint="train.py",
        params={"rows": str(rows)},
    )
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    command = ["unshare", "--mount", *user, "sh", "-c", ON_A_SMALL_DISK, "sh", str(disk), sys.executable, str(seen)]
    env = {**os.environ, ATTEMPT_VARIABLE: spec.model_dump_json(by_alias=True)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode in (1, 90) and "mount" in done.stderr.partition("\n")[0]:
        pytest.skip("this machine lets nobody mount a tmpfs")
    run = seen / "u-1"
    if fits:
        assert done.returncode == 0, done.stderr
        assert read_manifest(str(run)).outputs[0].rows == rows
        return
    assert done.returncode == 1
    assert "No space left on device" in done.stderr.strip().splitlines()[-1]
    with pytest.raises(ManifestMissing):
        read_manifest(str(run))
    assert [path.name for path in run.rglob("*") if path.is_file() and path.name.startswith(".")] == []
