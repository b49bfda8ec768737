"""One contract for every store of run directories: what is written is there whole, at once, for every reader."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from penstock.handoff import AttemptSource, AttemptSpec, StagingReport
from penstock.rundir import storage
from penstock.rundir.checkpoints import read_checkpoint, write_checkpoint
from penstock.rundir.errors import (
    DigestMismatch,
    ManifestMissing,
    ReportInvalid,
    RunDirError,
    StoreRefused,
    StoreUnreachable,
)
from penstock.rundir.progress import read_progress, write_progress
from penstock.rundir.read import iter_batches, read_manifest, verify_files
from penstock.train.commit import commit
from penstock.train.run import Run
from penstock_operator.adapters.artifacts import FileArtifacts
from penstock_operator.ports import Refused, Unreachable

BIG = 12 << 20
"""More than one part of an upload."""


def train(artifacts: str, tmp_path: Path, rows: int = 50) -> AttemptSpec:
    """A whole run, by the SDK."""
    spec = AttemptSpec(
        namespace="default",
        name="job",
        uid="u",
        attempt=1,
        run="u-1",
        run_uri=f"{artifacts}/default/job/u-1",
        source=AttemptSource(path=str(tmp_path)),
        entrypoint="train.py",
    )
    for rank in (0, 1):
        run = Run(spec, rank, 2)
        run.write_features("features", {"id": np.arange(rows) + rank * rows}, entity_keys=["id"])
        run.report(1, 1, accuracy=0.9)
    commit(spec)
    return spec


def test_what_is_written_is_read_listed_and_replaced(artifacts: str) -> None:
    uri = storage.join(artifacts, "a", "x.json")
    assert (storage.names(artifacts), storage.exists(uri), storage.modified(uri)) == ([], False, None)
    storage.replace(uri, b"one")
    assert storage.names(storage.join(artifacts, "a")) == ["x.json"]
    storage.replace(uri, b"two")
    storage.replace(storage.join(artifacts, "a", "b", "empty"), b"")
    assert storage.read_bytes(uri) == b"two"
    assert storage.names(artifacts) == ["a"]
    assert storage.names(storage.join(artifacts, "a")) == ["b", "x.json"]
    assert storage.names(uri) == []
    assert storage.is_file(storage.join(artifacts, "a", "b", "empty"))
    assert not storage.is_file(storage.join(artifacts, "a", "b"))
    assert storage.exists(storage.join(artifacts, "a", "b"))
    written = storage.modified(uri)
    assert written is not None
    assert abs(datetime.now(UTC) - written) < timedelta(minutes=5)


def test_a_new_file_is_seen_by_who_listed_before_and_by_another_process(artifacts: str) -> None:
    folder = storage.join(artifacts, "checkpoints")
    assert storage.names(folder) == []
    code = "import sys; from penstock.rundir import storage; storage.replace(sys.argv[1] + '/1/model', b'1')"
    subprocess.run([sys.executable, "-c", code, folder], env=dict(os.environ), check=True, timeout=60)
    assert storage.names(folder) == ["1"]
    assert storage.read_bytes(f"{folder}/1/model") == b"1"


def test_a_reader_beside_a_writer_sees_the_old_or_the_new(artifacts: str) -> None:
    uri, seen = storage.join(artifacts, "progress.json"), set()
    contents = [bytes([number]) * BIG for number in range(4)]
    storage.replace(uri, contents[0])
    writer = threading.Thread(target=lambda: [storage.replace(uri, content) for content in contents])
    writer.start()
    while writer.is_alive():
        try:
            found = storage.read_bytes(uri)
        except (StoreUnreachable, OSError):
            continue  # replaced between two reads of its parts: told, and never mixed
        assert len(found) == BIG
        seen.add(len(set(found[:: 1 << 16])))
    writer.join()
    assert seen == {1}
    assert storage.read_bytes(uri) == contents[-1]


def test_a_tree_is_deleted_whole_and_alone(artifacts: str) -> None:
    for name in ("run/a/b/c", "run/a/d", "run/e", "runs/f"):
        storage.replace(storage.join(artifacts, name), b"x")
    storage.delete_tree(storage.join(artifacts, "run"))
    storage.delete_tree(storage.join(artifacts, "run"))
    assert not storage.exists(storage.join(artifacts, "run"))
    storage.delete_tree(storage.join(artifacts, "runs", "f"))
    assert not storage.exists(storage.join(artifacts, "runs", "f"))


def test_a_run_is_read_as_it_was_written(artifacts: str, tmp_path: Path) -> None:
    spec = train(artifacts, tmp_path)
    manifest = read_manifest(spec.run_uri)
    output = manifest.output("features")
    assert output is not None
    assert (output.rows, len(output.files), manifest.metrics) == (100, 2, {"accuracy": 0.9})
    verify_files(spec.run_uri, output)
    table = pa.Table.from_batches(iter_batches(spec.run_uri, output, columns=["id"], batch_rows=30))
    assert sorted(table.column("id").to_pylist()) == list(range(100))


def test_a_run_without_its_manifest_or_with_another_file_is_refused(artifacts: str, tmp_path: Path) -> None:
    with pytest.raises(ManifestMissing):
        read_manifest(f"{artifacts}/default/job/u-1")
    spec = train(artifacts, tmp_path)
    output = read_manifest(spec.run_uri).output("features")
    assert output is not None
    where = storage.join(spec.run_uri, output.files[0].path)
    storage.replace(where, storage.read_bytes(where)[:-8])
    with pytest.raises(DigestMismatch):
        verify_files(spec.run_uri, output)
    with pytest.raises(RunDirError):
        list(iter_batches(spec.run_uri, output))
    storage.delete_tree(where)
    with pytest.raises(RunDirError, match="is gone"):
        verify_files(spec.run_uri, output)


def test_progress_is_the_last_that_was_written(artifacts: str) -> None:
    assert read_progress(artifacts) is None
    for step in (1, 2):
        write_progress(artifacts, step, 2, {"loss": 1 / step})
    found = read_progress(artifacts)
    assert found is not None
    assert (found.step, found.metrics) == (2, {"loss": 0.5})


def test_checkpoints_are_whole_or_not_there(artifacts: str) -> None:
    assert read_checkpoint(artifacts) is None
    for step in (1, 2, 3):
        write_checkpoint(artifacts, step, {"model": str(step).encode(), "optimizer": b""}, keep=2)
    storage.replace(f"{artifacts}/checkpoints/4/model", b"half")
    assert read_checkpoint(artifacts) == (3, {"model": b"3", "optimizer": b""})
    assert storage.names(f"{artifacts}/checkpoints") == ["2", "3", "4"]
    # One that is written once more has none of the files of before.
    write_checkpoint(artifacts, 3, {"model": b"again"}, keep=2)
    assert read_checkpoint(artifacts) == (3, {"model": b"again"})


async def test_the_operator_reads_and_deletes_runs(artifacts: str, tmp_path: Path) -> None:
    spec, port = train(artifacts, tmp_path), FileArtifacts()
    stage = f"{spec.run_uri}/staging/m-1"
    assert (await port.manifest(spec.run_uri)).run == "u-1"
    progress = await port.progress(spec.run_uri)
    assert progress is not None
    assert progress.step == 1
    assert (await port.report(stage), await port.has_checkpoint(spec.run_uri)) == (None, False)
    report = StagingReport(run="u-1", outcome="Staged")
    storage.replace(f"{stage}/report.json", report.model_dump_json(by_alias=True).encode())
    write_checkpoint(spec.run_uri, 1, {"model": b"1"}, keep=1)
    assert (await port.report(stage), await port.has_checkpoint(spec.run_uri)) == (report, True)
    for content, what in ((b'{"run": "u-1"', "Invalid JSON"), (b"{}", "run: Field required")):
        storage.replace(f"{stage}/report.json", content)
        with pytest.raises(ReportInvalid, match=f"{stage}/report.json cannot be read: .*{what}"):
            await port.report(stage)
    await port.delete(spec.run_uri)
    await port.delete(spec.run_uri)
    assert not storage.exists(spec.run_uri)
    with pytest.raises(ManifestMissing):
        await port.manifest(spec.run_uri)


async def test_a_bucket_that_is_not_there_is_named(s3: str) -> None:
    with pytest.raises(Refused, match=r"s3://no-such-bucket is not there: create the bucket"):
        await FileArtifacts().manifest("s3://no-such-bucket/run")
    with pytest.raises(StoreRefused, match=r"s3://no-such-bucket/x is refused \(NO_SUCH_BUCKET"):
        storage.replace("s3://no-such-bucket/x", b"")


async def test_wrong_credentials_are_no_missing_run(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(Refused, match=rf"{s3}/manifest.json is refused .*AWS_ACCESS_KEY_ID"):
        await FileArtifacts().manifest(s3)
    with pytest.raises(StoreRefused, match=f"{s3}/x"):
        storage.replace(f"{s3}/x", b"")


async def test_a_store_that_does_not_answer_is_unreachable(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{nobody.getsockname()[1]}")
        with pytest.raises(Unreachable, match=rf"{s3}/manifest.json did not answer \(NETWORK_CONNECTION"):
            await FileArtifacts().manifest(s3)


def test_a_scheme_that_nobody_knows_is_refused() -> None:
    with pytest.raises(StoreRefused, match=r"carrier-pigeon://loft: no such store"):
        storage.read_bytes("carrier-pigeon://loft/run")
