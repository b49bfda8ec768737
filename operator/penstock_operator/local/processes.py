"""A child process with everything that it starts: started, watched, and ended as a whole."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import psutil

STOP_SECONDS = 8.0


class StartError(Exception):
    """A process ended, or was not ready in time; the message ends with the last lines of its log."""


class ChildProcess:
    """One supervised process, in a session of its own, with its output in a log file."""

    def __init__(self, name: str, command: Sequence[str], log: Path, env: Mapping[str, str] | None = None) -> None:
        self.name = name
        self._command = list(command)
        self._log = log
        self._env = {**os.environ, **(env or {})}
        self._note = log.with_suffix(".pid")
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The pid while it runs."""
        return self._child.pid if self._child is not None and self._child.poll() is None else None

    async def start(self, ready: Callable[[], Awaitable[bool]], seconds: float) -> None:
        """Start it and wait until it is ready.

        Raises:
            StartError: it ended first, or the time ran out.
        """
        self._log.parent.mkdir(parents=True, exist_ok=True)
        await self._end_leftover()
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(  # noqa: ASYNC220 - it returns at once
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._env,
                start_new_session=True,
            )
        self._note.write_text(json.dumps([self._child.pid, psutil.Process(self._child.pid).create_time()]))
        deadline = time.monotonic() + seconds
        while not await ready():
            if self._child.poll() is not None:
                raise StartError(f"{self.name} ended with {self._child.returncode}: {self._tail()}")
            if time.monotonic() > deadline:
                await self.stop()
                raise StartError(f"{self.name} was not ready within {seconds:.0f} s: {self._tail()}")
            await asyncio.sleep(0.1)

    async def stop(self) -> None:
        """End it and all that it started: asked first, made to after a while."""
        if self._child is None:
            return
        await _end(_family(self._child.pid))
        self._child.wait()
        self._child = None
        self._note.unlink(missing_ok=True)

    async def _end_leftover(self) -> None:
        """End what an earlier supervisor started and, being killed, could not end."""
        if not self._note.exists():
            return
        pid, created = json.loads(self._note.read_text())
        # A number that was given to another process since belongs to neither this session nor us.
        reused = psutil.pid_exists(pid) and psutil.Process(pid).create_time() != created
        if not reused:
            await _end(_family(pid))
        self._note.unlink(missing_ok=True)

    def _tail(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-10:])


async def _end(family: list[psutil.Process]) -> None:
    for process in family:
        _signal(process, psutil.Process.terminate)
    left = await asyncio.to_thread(lambda: psutil.wait_procs(family, timeout=STOP_SECONDS)[1])
    for process in left:
        _signal(process, psutil.Process.kill)
    await asyncio.to_thread(lambda: psutil.wait_procs(left, timeout=STOP_SECONDS))


def _family(pid: int) -> list[psutil.Process]:
    """The process and all below it, and what shares its session though its parent is gone."""
    found = {}
    for process in psutil.process_iter():
        try:
            if process.pid == pid or os.getsid(process.pid) == pid:
                found[process.pid] = process
                found |= {child.pid: child for child in process.children(recursive=True)}
        except (psutil.Error, ProcessLookupError, PermissionError):
            continue
    return list(found.values())


def _signal(process: psutil.Process, send: Callable[[psutil.Process], None]) -> None:
    try:
        send(process)
    except psutil.NoSuchProcess:
        return
