"""What may not grow for ever: events, logs, and the folders of Ray's sessions."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from penstock_operator.local.apiserver import expiry
from penstock_operator.local.apiserver.cluster import LocalCluster
from penstock_operator.local.apiserver.expiry import expire, expired
from penstock_operator.local.apiserver.store import ObjectStore
from penstock_operator.local.stack import rotation, sessions
from penstock_operator.local.stack.processes import ChildProcess, Program
from penstock_operator.local.stack.rotation import keep_small, rotate

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def event(name: str, created: datetime, **times: Any) -> dict[str, Any]:
    meta = {"name": name, "namespace": "default", "creationTimestamp": created.isoformat()}
    return {"apiVersion": "v1", "kind": "Event", "metadata": meta, **times}


def names(events: Any) -> list[str]:
    return [one["metadata"]["name"] for one in events]


def test_an_event_goes_an_hour_after_it_was_last_seen() -> None:
    old, fresh = NOW - timedelta(hours=2), NOW - timedelta(minutes=59)
    events = [
        event("old", old, lastTimestamp=old.isoformat()),
        event("repeated", old, lastTimestamp=fresh.isoformat()),
        event("series", old, series={"lastObservedTime": fresh.isoformat()}),
        event("micro", old, eventTime="2026-01-01T11:30:00.123456Z"),
        event("future", old, lastTimestamp=(NOW + timedelta(days=9)).isoformat()),
        event("broken", old, lastTimestamp="soon", eventTime=None, series="x"),
        event("fresh", fresh),
    ]
    assert names(expired(events, NOW)) == ["old", "future", "broken"]


def test_too_many_events_lose_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiry, "MOST", 2)
    events = [event(str(minutes), NOW - timedelta(minutes=minutes)) for minutes in (1, 4, 2, 3)]
    assert names(expired(events, NOW)) == ["4", "3"]


async def test_the_store_loses_its_old_events_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiry, "MOST", 1)
    store = ObjectStore(tmp_path / "state.db")
    job = store.create({"apiVersion": "v1", "kind": "Job", "metadata": {"name": "a", "namespace": "default"}})
    cluster = LocalCluster(store)
    for reason in ("First", "Second", "Second"):
        await cluster.record(job, "Normal", reason, "message")
    assert sorted(one["count"] for one in store.list("Event")) == [1, 2]
    chore = asyncio.create_task(expire(store))
    await asyncio.sleep(0.05)
    chore.cancel()
    assert len(store.list("Event")) == 1
    assert store.list("Job") == [job]
    store.close()


async def ready() -> bool:
    return True


async def test_the_log_of_a_living_process_is_rotated_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "EVERY_SECONDS", 0.05)
    monkeypatch.setattr(rotation, "rotate", lambda log: rotate(log, 2000, 2))
    code = "import time\nfor n in range(600):\n    print(f'line {n:08}', flush=True)\n    time.sleep(0.002)"
    log = tmp_path / "thing.log"
    child = ChildProcess(Program("Thing", lambda: (sys.executable, "-c", code), ready, 5, grace=1.0), log)
    chore = asyncio.create_task(keep_small(tmp_path))
    await child.start()
    async with asyncio.timeout(30):
        while child.pid is not None:
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.2)
    chore.cancel()
    await child.stop()
    parts = [path for path in (tmp_path / "thing.log.2", tmp_path / "thing.log.1", log) if path.exists()]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["thing.log", "thing.log.1", "thing.log.2"]
    assert all(path.stat().st_size < 2000 + 4000 for path in parts)
    lines = "".join(path.read_text() for path in parts).splitlines()
    numbers = [int(line.removeprefix("line ")) for line in lines]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == 599


def test_a_log_within_the_limit_and_one_that_cannot_be_copied_stay_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "a.log"
    log.write_text("x" * 100)
    assert not rotate(log, 100)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(rotation.shutil, "copyfileobj", full)
    with pytest.raises(OSError, match="No space"):
        rotate(log, 99)
    assert [path.name for path in tmp_path.iterdir()] == ["a.log"]
    assert log.stat().st_size == 100


def test_old_sessions_go_but_for_the_last_and_a_living_one(tmp_path: Path) -> None:
    for day in (1, 2, 3, 4, 5):
        (tmp_path / f"session_2026-01-0{day}_00-00-00_000000_1" / "logs").mkdir(parents=True)
    (tmp_path / "session_latest").symlink_to(tmp_path / "session_2026-01-05_00-00-00_000000_1")
    (tmp_path / "other").mkdir()
    living = tmp_path / "session_2026-01-02_00-00-00_000000_1"
    command = [sys.executable, "-c", "import time; time.sleep(60)", f"--log-dir={living}/logs"]
    with subprocess.Popen(command) as process:
        try:
            sessions.clean(tmp_path)
            left = sorted(path.name for path in tmp_path.iterdir())
        finally:
            process.kill()
    assert left == ["other", living.name, "session_2026-01-05_00-00-00_000000_1", "session_latest"]
    sessions.clean(tmp_path)
    assert not living.exists()
    sessions.clean(tmp_path / "absent")


async def test_a_program_is_prepared_before_each_start(tmp_path: Path) -> None:
    prepared: list[int] = []
    command = (sys.executable, "-c", "pass")
    program = Program("Thing", lambda: command, ready, 5, prepare=lambda: prepared.append(1))
    child = ChildProcess(program, tmp_path / "thing.log")
    for _ in range(2):
        await child.start()
        async with asyncio.timeout(10):
            while child.pid is not None:
                await asyncio.sleep(0.01)
    await child.stop()
    assert len(prepared) == 2
