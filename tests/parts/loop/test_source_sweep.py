"""Archives of code go when no job names them, and nothing stays when everything is deleted."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from worlds import world

from penstock.api.ray import RayBackend, RayCluster, RayType
from penstock.installation import Installation
from penstock.sources import store as archives
from penstock.sources.archive import Archive, File, pack
from penstock.sources.store import PROTECTED, StoredArchive, archive_uri, put
from penstock_operator.adapters.artifacts import FileArtifacts
from penstock_operator.local.apiserver.cluster import LocalCluster
from penstock_operator.local.apiserver.store import ObjectStore
from penstock_operator.ports import Unreachable
from penstock_operator.training import sweep as module
from penstock_operator.training.sweep import SourceSweeper

OLD = PROTECTED.total_seconds() + 60


class Home:
    """Jobs, and archives of their code."""

    def __init__(self, folder: Path) -> None:
        self.root, self.store = folder / "artifacts", ObjectStore(folder / "state.db")
        self.uri = f"file://{self.root}"
        self.root.mkdir()

    def put(self, code: bytes, age: float = OLD) -> Archive:
        archive = pack({"train.py": File(code)})
        put(self.uri, archive)
        self.age(archive, age)
        return archive

    def age(self, archive: Archive, seconds: float) -> None:
        then = time.time() - seconds
        os.utime(archive_uri(self.uri, archive.digest).removeprefix("file://"), (then, then))

    def job(self, name: str, archive: Archive) -> None:
        spec = {"source": {"type": "Archive", "archive": {"digest": archive.digest}}, "entrypoint": "train.py"}
        meta = {"name": name, "namespace": "default"}
        self.store.create(
            {"apiVersion": "penstock.dev/v1alpha1", "kind": "TrainingJob", "metadata": meta, "spec": spec}
        )

    def sweeper(self, artifacts: Any = None) -> SourceSweeper:
        where = Installation(
            artifacts=self.uri,
            ray=RayBackend(type=RayType.RAY_CLUSTER, ray_cluster=RayCluster(address="http://127.0.0.1:1")),
        )
        parts = world(
            cluster=LocalCluster(self.store), artifacts=artifacts or FileArtifacts(self.uri), installation=where
        )
        return SourceSweeper(parts, clock=lambda: datetime.now(UTC), pause=0.01)

    @asynccontextmanager
    async def swept(self, artifacts: Any = None) -> AsyncIterator[None]:
        """While one sweeps."""
        running = asyncio.create_task(self.sweeper(artifacts).run())
        await asyncio.sleep(0.1)
        yield
        assert not running.done(), running.exception()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    @property
    def digests(self) -> set[str]:
        return {archive.digest for archive in archives.stored(self.uri)}

    async def until_empty(self) -> None:
        async with asyncio.timeout(10):
            while any(self.root.iterdir()):
                await asyncio.sleep(0.01)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


async def test_old_archives_that_no_job_names_go(home: Home) -> None:
    named, _, young = home.put(b"1"), home.put(b"2"), home.put(b"3", age=60)
    home.job("digits", named)
    seconds = await home.sweeper().sweep()
    assert home.digests == {named.digest, young.digest}
    assert seconds == pytest.approx(PROTECTED.total_seconds() - 60, abs=5)


async def test_what_an_attempt_names_stays_though_the_spec_has_another(home: Home) -> None:
    before, after = home.put(b"1"), home.put(b"2")
    home.job("digits", after)
    obj = home.store.get("TrainingJob", "default", "digits")
    attempt = {"number": 1, "run": "r-1", "submissionId": "s-1", "state": "Running", "sourceRevision": before.digest}
    obj = home.store.update_status({**obj, "status": {"attempts": [attempt]}})
    async with home.swept():
        assert home.digests == {before.digest, after.digest}
        home.store.update_status({**obj, "status": {"attempts": []}})
        async with asyncio.timeout(10):
            while home.digests != {after.digest}:
                await asyncio.sleep(0.01)


async def test_with_the_last_job_its_archive_goes_and_the_folder_too(home: Home) -> None:
    archive = home.put(b"1")
    for name in ("first", "second"):
        home.job(name, archive)
    async with home.swept():
        home.store.delete("TrainingJob", "default", "first")
        await asyncio.sleep(0.2)
        assert home.digests == {archive.digest}
        home.store.delete("TrainingJob", "default", "second")
        await home.until_empty()
    assert home.root.is_dir()


async def test_a_young_one_goes_when_its_time_has_come_also_after_a_restart(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PROTECTED", timedelta(seconds=2))
    archive = home.put(b"1", age=0)
    home.job("digits", archive)
    async with home.swept():
        home.store.delete("TrainingJob", "default", "digits")
        await asyncio.sleep(0.2)
        assert home.digests == {archive.digest}
    async with home.swept():
        assert home.digests == {archive.digest}
        await home.until_empty()


async def test_what_a_writer_that_was_killed_left_goes_too(home: Home) -> None:
    archive = home.put(b"1")
    whole = Path(archive_uri(home.uri, archive.digest).removeprefix("file://"))
    whole.rename(whole.with_name(f".{whole.name}.0f3c"))
    async with home.swept():
        await home.until_empty()


async def test_an_archive_that_is_written_again_while_one_looks_stays(home: Home) -> None:
    archive = home.put(b"1")

    class Slow(FileArtifacts):
        async def sources(self, artifacts: str) -> Sequence[StoredArchive]:
            listed = await super().sources(artifacts)
            put(home.uri, archive)
            return listed

    await home.sweeper(Slow(home.uri)).sweep()
    assert home.digests == {archive.digest}


async def test_a_store_that_is_away_or_a_bug_ends_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    home.put(b"1")
    troubles = [Unreachable("away"), ZeroDivisionError("a bug")]

    class Failing(FileArtifacts):
        async def sources(self, artifacts: str) -> Sequence[StoredArchive]:
            if troubles:
                raise troubles.pop()
            return await super().sources(artifacts)

    async with home.swept(Failing(home.uri)):
        await home.until_empty()
