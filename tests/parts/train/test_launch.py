"""An attempt as a real process: whole with its manifest, or refused."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from penstock.handoff import ATTEMPT_VARIABLE, AttemptSpec
from penstock.rundir import storage
from penstock.rundir.errors import (
    DigestMismatch,
    ManifestFromFuture,
    ManifestInvalid,
    ManifestMissing,
    RunDirError,
)
from penstock.rundir.progress import read_progress
from penstock.rundir.read import iter_batches, read_manifest, verify_files

HELLO = Path(__file__).parents[3] / "examples" / "hello"
LAUNCH = [sys.executable, "-m", "penstock.train.launch"]


def attempt(tmp_path: Path, source: Path = HELLO, **fields: Any) -> AttemptSpec:
    values: dict[str, Any] = {
        "namespace": "default",
        "name": "hello",
        "uid": "u",
        "attempt": 1,
        "run": "u-1",
        "run_uri": f"file://{tmp_path}/run",
        "source": {"path": str(source)},
        "entrypoint": "train.py",
        "outputs": [{"name": "features", "kind": "Features"}],
    }
    return AttemptSpec.model_validate(values | fields)


def launch(spec: AttemptSpec) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, ATTEMPT_VARIABLE: spec.model_dump_json(by_alias=True)}
    return subprocess.run(LAUNCH, env=env, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    assert launch(attempt(folder)).returncode == 0
    return folder / "run"


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    """A whole run that a test may break."""
    shutil.copytree(whole, tmp_path / "run")
    return tmp_path / "run"


def test_the_manifest_describes_what_can_be_read(whole: Path) -> None:
    manifest = read_manifest(str(whole))
    features, embeddings = manifest.output("features"), manifest.output("embeddings")
    assert features is not None
    assert embeddings is not None
    assert (features.rows, features.entity_keys, features.timestamp_field) == (100, ["id"], "event_timestamp")
    assert (embeddings.dimension, embeddings.metric, embeddings.rows) == (8, "L2", 100)
    verify_files(str(whole), embeddings)
    batches = list(iter_batches(str(whole), embeddings, batch_rows=30))
    assert [batch.num_rows for batch in batches] == [30, 30, 30, 10]
    assert manifest.metrics == {"rows": 100.0}


@pytest.mark.parametrize("total", [0, 100])
def test_the_metrics_of_the_last_report_count_wherever_the_code_ends(tmp_path: Path, total: int) -> None:
    (tmp_path / "train.py").write_text(
        "import penstock.train as t\n"
        "run = t.current()\n"
        f"for step in range(1, 4):\n    run.report(step, total={total}, loss=1 / step)\n"
        "progress = open(run.uri.removeprefix('file://') + '/progress.json').read()\n"
        "assert '\"step\":1' in progress, 'three reports in a moment are one write'\n"
        "raise SystemExit(0)\n"
    )
    done = launch(spec := attempt(tmp_path, tmp_path, outputs=[]))
    assert done.returncode == 0, done.stderr
    assert read_manifest(spec.run_uri).metrics == {"loss": 1 / 3}


def test_a_report_by_hand_is_written_at_the_end(tmp_path: Path) -> None:
    code = "import penstock.train as t\nfor step in (1, 2):\n    t.current().report(step, total=9)\n"
    env = {name: value for name, value in os.environ.items() if name != ATTEMPT_VARIABLE}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, check=True, timeout=60)
    found = read_progress(f"{tmp_path}/penstock-run")
    assert found is not None
    assert (found.step, found.total) == (2, 9)


def test_a_whole_run_is_left_as_it_is(run: Path) -> None:
    before = (run / "manifest.json").read_bytes()
    assert launch(attempt(run.parent, params={"rows": "7"})).returncode == 0
    assert (run / "manifest.json").read_bytes() == before


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise ValueError('a lemon')", "ValueError: a lemon"),
        ("raise SystemExit(3)", "train.py exited with 3"),
        ("pass", "'features' (Features) was declared and not written"),
        (
            "import penstock.train as t\nt.current().write_features('features', {'x': [1]}, entity_keys=['id'])",
            "lacks the entity key 'id'",
        ),
        (
            "import penstock.train as t\nt.current().checkpoint(1, {'model/weights': b''})",
            "Checkpoint of step 1: 'model/weights' is no name of a file in it",
        ),
        (
            "import numpy as np, penstock.train as t\nrun = t.current()\n"
            "run.write_embeddings('features', [1], np.ones((1, 2)))\n"
            "run.write_features('features', {'id': [1]}, entity_keys=['id'])",
            "Output 'features': the shards differ in kind: Embeddings and Features",
        ),
    ],
)
def test_a_failure_ends_with_its_cause_and_leaves_no_manifest(tmp_path: Path, code: str, message: str) -> None:
    (tmp_path / "train.py").write_text(code)
    spec = attempt(tmp_path, tmp_path)
    done = launch(spec)
    assert done.returncode == 1
    assert message in done.stderr.strip().splitlines()[-1]
    with pytest.raises(ManifestMissing):
        read_manifest(spec.run_uri)


def test_a_kill_before_the_end_leaves_no_manifest(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(
        "import penstock.train as t, time\n"
        "t.current().write_features('features', {'id': [1]}, entity_keys=['id'])\ntime.sleep(60)\n"
    )
    spec = attempt(tmp_path, tmp_path)
    env = {**os.environ, ATTEMPT_VARIABLE: spec.model_dump_json(by_alias=True)}
    process = subprocess.Popen(LAUNCH, env=env)
    deadline = time.monotonic() + 30
    while not storage.names(f"{spec.run_uri}/shards") and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert storage.names(f"{spec.run_uri}/shards") == ["features"]
    with pytest.raises(ManifestMissing):
        read_manifest(spec.run_uri)


def test_a_broken_manifest_is_told_in_a_line_and_not_written_over(run: Path) -> None:
    (run / "manifest.json").write_text("{")
    done = launch(attempt(run.parent))
    assert done.returncode == 2
    assert done.stderr.startswith("Error: ")
    assert "manifest.json is not JSON" in done.stderr
    assert (run / "manifest.json").read_text() == "{"


def test_an_unknown_strategy_is_named(tmp_path: Path) -> None:
    done = launch(attempt(tmp_path, strategy={"name": "Telepathy"}))
    assert done.returncode == 2
    assert "no strategy 'Telepathy' is installed; there are DataParallel, Single" in done.stderr


def test_a_manifest_that_is_not_json_is_refused(run: Path) -> None:
    (run / "manifest.json").write_text("{")
    with pytest.raises(ManifestInvalid, match="not JSON"):
        read_manifest(str(run))


def test_a_manifest_of_another_form_names_the_field(run: Path) -> None:
    (run / "manifest.json").write_text('{"schemaVersion": 1}')
    with pytest.raises(ManifestInvalid, match="namespace"):
        read_manifest(str(run))


def test_a_manifest_from_the_future_says_upgrade(run: Path) -> None:
    (run / "manifest.json").write_text('{"schemaVersion": 2}')
    with pytest.raises(ManifestFromFuture, match="upgrade"):
        read_manifest(str(run))


def test_an_altered_manifest_is_refused(run: Path) -> None:
    text = (run / "manifest.json").read_text()
    (run / "manifest.json").write_text(text.replace('"rows": 100', '"rows": 99', 1))
    with pytest.raises(DigestMismatch):
        read_manifest(str(run))


def test_truncated_parquet_is_refused(run: Path) -> None:
    output = read_manifest(str(run)).output("embeddings")
    assert output is not None
    path = run / output.files[0].path
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DigestMismatch):
        verify_files(str(run), output)
    with pytest.raises(RunDirError):
        list(iter_batches(str(run), output))


def test_the_newest_checkpoints_are_kept_and_read(tmp_path: Path) -> None:
    from penstock.rundir.checkpoints import read_checkpoint, write_checkpoint

    for step in (1, 2, 3):
        write_checkpoint(str(tmp_path), step, {"model": str(step).encode()}, keep=2)
    (tmp_path / "checkpoints" / "4").mkdir()
    assert storage.names(str(tmp_path / "checkpoints")) == ["2", "3", "4"]
    assert read_checkpoint(str(tmp_path)) == (3, {"model": b"3"})
