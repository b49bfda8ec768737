"""Child processes: what is said when one cannot be started, and which process a note means."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import psutil
import pytest

from penstock_operator.local.stack.processes import ChildProcess, Program, StartError


async def ready() -> bool:
    return True


def child(folder: Path, *command: str) -> ChildProcess:
    return ChildProcess(Program("Thing", lambda: command, ready, 5, grace=1.0), folder / "thing.log")


async def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"Thing cannot be started \(/nowhere/thing\): install it"):
        await child(tmp_path, "/nowhere/thing").start()


async def test_a_leftover_is_known_after_the_clock_was_set_and_a_reused_number_is_not(tmp_path: Path) -> None:
    command = (sys.executable, "-c", "import time; time.sleep(60)")
    first = child(tmp_path, *command)
    await first.start()
    pid = first.pid
    assert pid is not None
    note = tmp_path / "thing.pid"
    number, created, line = json.loads(note.read_text())
    note.write_text(json.dumps([number, created - 3600, line]))
    await child(tmp_path, *command).end_leftover()
    assert first.pid == pid
    note.write_text(json.dumps([number, created - 1, line]))
    second = child(tmp_path, *command)
    assert await second.adopt()
    await second.stop()
    await asyncio.sleep(0.1)
    assert first.pid is None
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


async def test_a_supervisor_that_dies_over_a_note_leaves_none_that_nobody_can_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(_: int) -> None:
        raise KeyboardInterrupt

    first = child(tmp_path, sys.executable, "-c", "import time; time.sleep(60)")
    # What is written is not synced yet, so it is not there.
    monkeypatch.setattr(os, "fsync", killed)
    try:
        with pytest.raises(KeyboardInterrupt):
            await first.start()
        assert not (tmp_path / "thing.pid").exists()
    finally:
        monkeypatch.undo()
        await first.stop()
