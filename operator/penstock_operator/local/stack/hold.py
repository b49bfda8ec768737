"""One stack a folder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class AlreadyRunning(Exception):
    """Another stack holds this folder."""


@contextmanager
def hold(home: Path) -> Iterator[None]:
    """Hold the folder; the lock ends with the process, however it ends.

    Raises:
        AlreadyRunning: another stack holds it.
    """
    with (home / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(f"A stack runs in {home} already: use it, or stop it first") from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
