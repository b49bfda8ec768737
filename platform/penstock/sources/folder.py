"""The files of a folder of code."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from penstock.sources.archive import File
from penstock.sources.errors import NotPackable
from penstock.sources.ignore import FILE, read_ignored

MOST_BYTES = 100 << 20
MOST_FILES = 10_000
REMEDY = f"name what is no code in {FILE}; data belongs into a store, not beside the code"


def read_folder(folder: Path) -> dict[str, File]:
    """The files of a folder by their path in it; a link to what is inside is followed.

    Raises:
        NotPackable: it is too large, holds what is no file, or a link out of it.
    """
    root = folder.resolve()
    files: dict[str, File] = {}
    left = MOST_BYTES
    for name, path in _walk(root):
        if len(files) == MOST_FILES:
            raise NotPackable(f"{folder} holds more than {MOST_FILES:,} files: {REMEDY}")
        left -= path.stat().st_size
        if left < 0:
            raise NotPackable(f"{folder} holds more than {MOST_BYTES >> 20} MiB (with {name}): {REMEDY}")
        files[name] = File(path.read_bytes(), os.access(path, os.X_OK))
    return files


def _walk(root: Path) -> Iterator[tuple[str, Path]]:
    """Names in order, and where the content of each is."""
    ignored = read_ignored(root)
    waiting: list[tuple[str, Path, tuple[Path, ...]]] = [("", root, (root,))]
    while waiting:
        above, folder, passed = waiting.pop()
        for child in sorted(folder.iterdir()):
            name = f"{above}{child.name}"
            target = child.resolve()
            if ignored(name, target.is_dir()):
                continue
            if not target.is_relative_to(root):
                raise NotPackable(f"{child} leads out of the folder, to {target}: copy it in, or leave it out ({FILE})")
            if target.is_dir():
                if target in passed:
                    raise NotPackable(f"{child} leads round in a circle: leave it out ({FILE})")
                waiting.append((f"{name}/", target, (*passed, target)))
            elif target.is_file():
                yield name, target
            else:
                raise NotPackable(f"{child} is neither a file nor a folder: leave it out ({FILE})")
