"""Logs that do not grow for ever.

A server writes to its log by a file descriptor, and goes on writing when this process is killed. So there is no pipe
between, and a log cannot be moved away: it is copied and then emptied, which a descriptor opened for appending follows.
What is written in the instant between is lost.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

LIMIT_BYTES = 10 << 20
KEPT = 3
EVERY_SECONDS = 10.0


async def keep_small(folder: Path) -> None:
    """Rotate the logs of a folder until cancelled."""
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        for log in sorted(folder.glob("*.log")):
            try:
                await asyncio.to_thread(rotate, log)
            except OSError as error:
                print(f"{log} cannot be rotated: {error}", file=sys.stderr, flush=True)  # noqa: T201


def rotate(log: Path, limit: int = LIMIT_BYTES, kept: int = KEPT) -> bool:
    """Make `a.log` into `a.log.1`, `a.log.1` into `a.log.2`, …, where it is over the limit; whether it was.

    Args:
        log: a file that its writer has open for appending.
        limit: bytes.
        kept: how many older ones there may be.

    Raises:
        OSError: the disk is full, say; the log is left as it is.
    """
    if log.stat().st_size <= limit:
        return False
    copy = log.with_name(f"{log.name}.new")
    try:
        with log.open("r+b") as source, copy.open("wb") as target:
            # Until nothing is left: what comes while a large part is copied is in the next.
            while source.tell() < log.stat().st_size:
                shutil.copyfileobj(source, target, 1 << 20)
            target.flush()
            for number in range(kept, 1, -1):
                older = _numbered(log, number - 1)
                if older.exists():
                    older.replace(_numbered(log, number))
            copy.replace(_numbered(log, 1))
            source.truncate(0)
    finally:
        copy.unlink(missing_ok=True)
    return True


def _numbered(log: Path, number: int) -> Path:
    return log.with_name(f"{log.name}.{number}")
