"""The folders of Ray's sessions: each start of Ray makes one, and nothing of Ray's removes it."""

from __future__ import annotations

import shutil
from pathlib import Path

import psutil

KEPT = 1
"""Of those that have ended: its logs say why."""


def clean(folder: Path) -> None:
    """Remove the sessions of a Ray's folder, but for the newest that has ended and any that a process still names."""
    # A session's name begins with its time.
    sessions = sorted(path for path in folder.glob("session_*") if path.is_dir() and not path.is_symlink())
    named = _command_lines() if sessions else ""
    ended = [path for path in sessions if str(path) not in named]
    for path in ended[: len(ended) - KEPT]:
        shutil.rmtree(path, ignore_errors=True)


def _command_lines() -> str:
    lines: list[str] = []
    for process in psutil.process_iter(["cmdline"]):
        lines += process.info["cmdline"] or []
    return "\n".join(lines)
