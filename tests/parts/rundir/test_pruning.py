"""Folders go with the last thing in them, and nobody who writes there notices."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from penstock.rundir import storage
from penstock_operator.adapters.artifacts import FileArtifacts


async def test_a_run_goes_with_the_folders_that_it_alone_was_in(tmp_path: Path) -> None:
    root = f"file://{tmp_path}/artifacts"
    for run in ("team/digits/r-1", "team/digits/r-2", "team/other/r-1"):
        storage.replace(f"{root}/{run}/outputs/a/part.parquet", b"x")
    artifacts = FileArtifacts(root)
    await artifacts.delete(f"{root}/team/digits/r-1")
    assert storage.names(f"{root}/team/digits") == ["r-2"]
    await artifacts.delete(f"{root}/team/digits/r-2")
    assert storage.names(f"{root}/team") == ["other"]
    await artifacts.delete(f"{root}/team/digits/r-2")
    await artifacts.delete(f"{root}/team/other/r-1")
    assert [path.name for path in tmp_path.iterdir()] == ["artifacts"]
    assert storage.names(root) == []


def test_what_is_not_below_the_root_is_left(tmp_path: Path) -> None:
    (tmp_path / "elsewhere" / "empty").mkdir(parents=True)
    (tmp_path / "artifacts").mkdir()
    storage.prune(f"{tmp_path}/elsewhere/empty/run", f"{tmp_path}/artifacts")
    storage.prune(f"{tmp_path}/artifacts/run", f"{tmp_path}/artifacts/")
    assert (tmp_path / "elsewhere" / "empty").is_dir()
    assert (tmp_path / "artifacts").is_dir()


def test_who_writes_while_folders_are_pruned_loses_nothing(tmp_path: Path) -> None:
    root, over, pruned = str(tmp_path / "artifacts"), threading.Event(), 0

    def prune() -> None:
        nonlocal pruned
        while not over.is_set():
            storage.prune(f"{root}/team/digits/r-1", root)
            pruned += 1
            time.sleep(0.0001)

    pruner = threading.Thread(target=prune)
    pruner.start()
    try:
        for number in range(400):
            uri = f"{root}/team/digits/r-1-{number}"
            storage.replace(f"{uri}/manifest.json", b"whole")
            assert storage.read_bytes(f"{uri}/manifest.json") == b"whole"
            storage.delete_tree(uri)
    finally:
        over.set()
        pruner.join()
    assert pruned


@pytest.mark.parametrize("name", ["a/b/x.json", "x.json"])
def test_in_an_object_store_there_is_nothing_to_prune(artifacts: str, name: str) -> None:
    uri = storage.join(artifacts, "team", name)
    storage.replace(uri, b"x")
    storage.prune(uri, artifacts)
    assert storage.read_bytes(uri) == b"x"
