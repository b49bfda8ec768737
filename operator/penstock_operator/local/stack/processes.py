"""A child process with everything that it starts: started or adopted, kept alive, and ended as a whole."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

from penstock.rundir import storage

KILL_SECONDS = 5.0
ADOPT_SECONDS = 5.0
WATCH_SECONDS = 0.5
SET_CLOCK_SECONDS = 2.0
FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0


class StartError(Exception):
    """A process ended, or was not ready in time; the message ends with the last lines of its log."""


class Program(NamedTuple):
    """What is run."""

    name: str
    command: Callable[[], Sequence[str]]
    """Asked at each start: it may have to name other ports than before."""
    ready: Callable[[], Awaitable[bool]]
    seconds: float
    """How long it may take to be ready."""
    env: Mapping[str, str] = {}
    grace: float = 8.0
    """Seconds between being asked to end and being made to."""
    prepare: Callable[[], None] | None = None
    """Called before each start, in a thread; nothing of it runs then."""


class Note(NamedTuple):
    """What the next supervisor must know of a process."""

    pid: int
    created: float
    command: list[str]


class ChildProcess:
    """One supervised process, in a session of its own, with its output in a log file.

    It outlives a supervisor that is killed; the next one adopts it, where it runs the same command and is ready.
    """

    def __init__(self, program: Program, log: Path) -> None:
        self._program = program
        self._log = log
        self._note = log.with_suffix(".pid")
        self._child: subprocess.Popen[bytes] | None = None
        self._process: psutil.Process | None = None

    @property
    def pid(self) -> int | None:
        """The pid while it runs."""
        if self._child is not None:
            return self._child.pid if self._child.poll() is None else None
        return self._process.pid if self._process is not None and _runs(self._process) else None

    async def start(self) -> None:
        """Start it, if it was not adopted, and wait until it is ready.

        Raises:
            StartError: it ended first, or the time ran out.
        """
        if self.pid is not None:
            return
        self._log.parent.mkdir(parents=True, exist_ok=True)
        await self.end_leftover()
        if self._program.prepare is not None:
            await asyncio.to_thread(self._program.prepare)
        command = list(self._program.command())
        try:
            # For appending, so that it can be emptied while it is written to.
            with self._log.open("ab") as log:
                self._child = subprocess.Popen(  # noqa: ASYNC220 - it returns at once
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **self._program.env},
                    start_new_session=True,
                )
        except OSError as error:
            hint = "install it with `pip install 'penstock[local]'`" if isinstance(error, FileNotFoundError) else error
            raise StartError(f"{self._program.name} cannot be started ({command[0]}): {hint}") from error
        self._process = psutil.Process(self._child.pid)
        note = Note(self._child.pid, self._process.create_time(), command)
        # Whole or not at all: half a note would name nobody, and what it stands for would go on for ever.
        storage.replace(str(self._note), json.dumps(note).encode())
        await self._wait_ready()

    async def keep(self) -> None:
        """Start it again whenever it ends, until cancelled."""
        wait = FIRST_WAIT
        while True:
            started = time.monotonic()
            while self.pid is not None:  # noqa: ASYNC110 - an adopted process cannot be waited for
                await asyncio.sleep(WATCH_SECONDS)
            if time.monotonic() - started > LONGEST_WAIT:
                wait = FIRST_WAIT
            print(f"{self._program.name} ended; it is started again", file=sys.stderr, flush=True)  # noqa: T201
            try:
                await self.start()
            except (StartError, OSError, psutil.Error) as error:
                print(f"Error: {error}", file=sys.stderr, flush=True)  # noqa: T201
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT)

    async def stop(self) -> None:
        """End it and all that it started: asked first, made to after a while."""
        if self._process is None:
            return
        await _end(_family(self._process.pid), self._program.grace)
        if self._child is not None:
            self._child.wait()
        self._child = self._process = None
        self._note.unlink(missing_ok=True)

    async def end_leftover(self) -> None:
        """End what an earlier supervisor started and, being killed, could not end; and the rest of one that died."""
        note = self._read_note()
        if note is None:
            return
        # A number that was given to another process since belongs to neither this session nor us.
        if not psutil.pid_exists(note.pid) or _same(psutil.Process(note.pid), note):
            await _end(_family(note.pid), self._program.grace)
        if self._child is not None:
            self._child.poll()
        self._child = self._process = None
        self._note.unlink(missing_ok=True)

    async def adopt(self) -> bool:
        """Take over what a killed supervisor left, where it runs this command and answers; end it otherwise."""
        process = self._living()
        deadline = time.monotonic() + ADOPT_SECONDS
        while process is not None and time.monotonic() < deadline:
            if await self._program.ready():
                self._process = process
                return True
            await asyncio.sleep(0.1)
        await self.end_leftover()
        return False

    def _living(self) -> psutil.Process | None:
        note = self._read_note()
        if note is None or note.command != list(self._program.command()):
            return None
        try:
            process = psutil.Process(note.pid)
            same = _same(process, note)
        except psutil.NoSuchProcess:
            return None
        return process if same and _runs(process) else None

    async def _wait_ready(self) -> None:
        deadline = time.monotonic() + self._program.seconds
        while not await self._program.ready():
            if self._child is not None and self._child.poll() is not None:
                raise StartError(f"{self._program.name} ended with {self._child.returncode}: {self._tail()}")
            if time.monotonic() > deadline:
                await self.stop()
                seconds = f"{self._program.seconds:.0f} s"
                raise StartError(f"{self._program.name} was not ready within {seconds}: {self._tail()}")
            await asyncio.sleep(0.1)

    def _read_note(self) -> Note | None:
        try:
            return Note(*json.loads(self._note.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def _tail(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-10:])


def _same(process: psutil.Process, note: Note) -> bool:
    """Whether it is the process of the note; its time moves a little when the clock is set."""
    return abs(process.create_time() - note.created) < SET_CLOCK_SECONDS


async def _end(family: list[psutil.Process], grace: float) -> None:
    for send, seconds in ((psutil.Process.terminate, grace), (psutil.Process.kill, KILL_SECONDS)):
        for process in family:
            _signal(process, send)
        deadline = time.monotonic() + seconds
        while any(_runs(process) for process in family):
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(0.05)
        else:
            return


def _runs(process: psutil.Process) -> bool:
    """Whether it still does anything; one that nobody waited for yet has ended all the same."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


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
