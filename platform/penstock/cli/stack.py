"""The local stack as a process: whether one runs in a folder, how it is started and stopped."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.cli.exits import STACK, StackError
from penstock.client.errors import PenstockError

START_SECONDS = 180.0
STOP_SECONDS = 60.0
POLL_SECONDS = 0.1
LOG_LINES = 10


@dataclass(frozen=True)
class Stack:
    """A folder that holds a stack, running or not."""

    home: Path

    @classmethod
    def at(cls, home: Path) -> Stack:
        """The stack of a folder, which need not be there yet."""
        return cls(home.expanduser().resolve())

    @property
    def kubeconfig(self) -> Path:
        """Its kubeconfig."""
        return self.home / "kubeconfig"

    @property
    def log(self) -> Path:
        """Its own log."""
        return self.home / "logs" / "stack.log"

    def pid(self) -> int | None:
        """The process that holds the folder; None when none does.

        The lock tells: it ends with the process, so a number that was given to another process since cannot mislead.
        """
        try:
            with (self.home / "lock").open() as lock:
                try:
                    fcntl.flock(lock.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return int(lock.read().strip() or 0)
        except (FileNotFoundError, NotADirectoryError):
            pass
        return None

    def addresses(self) -> dict[str, Any]:
        """What `stack.json` says: the addresses of a stack that is up; nothing while it starts."""
        try:
            found: dict[str, Any] = json.loads((self.home / "stack.json").read_text())
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return {}
        return found

    def refuse_second(self) -> None:
        """Check that no stack runs here.

        Raises:
            StackError: one does.
        """
        if (pid := self.pid()) is not None:
            raise StackError(f"A stack runs in {self.home} already (pid {pid}): use it, or end it with `penstock down`")

    def start(self, flags: Sequence[str] = ()) -> dict[str, Any]:
        """Start a stack that outlives this process, and wait until it is ready.

        Returns:
            Its addresses.

        Raises:
            StackError: one runs already.
            PenstockError: it did not come up; the message ends with the last lines of its log.
        """
        self.refuse_second()
        # The state holds Secrets.
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.log.parent.mkdir(exist_ok=True)
        with self.log.open("ab") as log:
            written = log.tell()
            child = subprocess.Popen(
                command(self.home, flags),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            return self._await_ready(child, written)
        except BaseException:
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
                with suppress(subprocess.TimeoutExpired):
                    child.wait(STOP_SECONDS)
            raise

    def _await_ready(self, child: subprocess.Popen[bytes], written: int) -> dict[str, Any]:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            text = self._said(written)
            for line in text.splitlines():
                if line.startswith("{") and (ready := _object(line)).get("pid") == child.pid:
                    return ready
            if (code := child.poll()) is not None:
                said = "\n".join(text.splitlines()[-LOG_LINES:]) or f"it ended with {code}"
                kind = StackError if code == STACK else PenstockError
                raise kind(f"The stack did not start (see {self.log}):\n{said}")
            time.sleep(POLL_SECONDS)
        raise PenstockError(f"The stack was not ready within {START_SECONDS:.0f} s: see {self.log}")

    def _said(self, since: int) -> str:
        with self.log.open("rb") as log:
            log.seek(since)
            return log.read().decode(errors="replace")

    def stop(self) -> int:
        """Stop the stack and wait until it is gone.

        Returns:
            The pid that it had.

        Raises:
            StackError: none runs.
            PenstockError: it does not stop.
        """
        pid = self.pid()
        if not pid or self.addresses().get("pid", pid) != pid:
            raise StackError(f"No stack runs in {self.home}: `penstock up` starts one")
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while self.pid() == pid or _runs(pid):
            if time.monotonic() > deadline:
                raise PenstockError(f"The stack (pid {pid}) does not stop: see {self.log}")
            time.sleep(POLL_SECONDS)
        return pid

    def end_leftovers(self) -> bool:
        """End the servers of a stack that was killed, also while it started; whether there were any.

        Raises:
            PenstockError: they do not end.
        """
        if self.pid() is not None or not any(self.log.parent.glob("*.pid")):
            return False
        line = command(self.home, ["--end-leftovers"])
        try:
            subprocess.run(line, check=True, capture_output=True, text=True, timeout=STOP_SECONDS)
        except subprocess.CalledProcessError as error:
            raise PenstockError(f"What the stack in {self.home} left running does not end: {error.stderr}") from error
        except subprocess.TimeoutExpired as error:
            raise PenstockError(f"What the stack in {self.home} left running does not end: try again") from error
        return True


def command(home: Path, flags: Sequence[str] = ()) -> list[str]:
    """The command line of a stack."""
    return [sys.executable, "-m", "penstock_operator.local", "--home", str(home), *flags]


def _runs(pid: int) -> bool:
    """Whether a process does anything still; one that has ended and that nobody waited for does not."""
    import psutil

    try:
        return str(psutil.Process(pid).status()) != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _object(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
