"""Files under a URI that fsspec opens: read, replace atomically, list, delete."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

CHUNK = 1 << 20


def locate(uri: str) -> tuple[Any, str]:
    """The file system of a URI, and the path on it."""
    fs, path = fsspec.core.url_to_fs(uri)
    return fs, str(path)


def join(uri: str, *parts: str) -> str:
    """A URI below another."""
    return "/".join([uri.rstrip("/"), *parts])


def read_bytes(uri: str) -> bytes:
    """The content of a file.

    Raises:
        FileNotFoundError: there is none.
    """
    fs, path = locate(uri)
    content: bytes = fs.cat_file(path)
    return content


def read_chunks(uri: str) -> Iterator[bytes]:
    """The content of a file, a mebibyte at a time."""
    fs, path = locate(uri)
    with fs.open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def replace(uri: str, content: bytes) -> None:
    """Write a file so that a reader sees the old content or all of the new, also after a crash."""
    fs, path = locate(uri)
    if not isinstance(fs, LocalFileSystem):
        fs.pipe_file(path, content)
        return
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def exists(uri: str) -> bool:
    """Whether there is a file or folder."""
    fs, path = locate(uri)
    return bool(fs.exists(path))


def is_file(uri: str) -> bool:
    """Whether there is a file."""
    fs, path = locate(uri)
    return bool(fs.isfile(path))


def names(uri: str) -> list[str]:
    """The names in a folder, sorted; none where there is no folder."""
    fs, path = locate(uri)
    if not fs.isdir(path):
        return []
    return sorted(str(found).rstrip("/").rsplit("/", 1)[-1] for found in fs.ls(path, detail=False))


def delete_tree(uri: str) -> None:
    """Delete a file or a folder with all in it; one that is gone is fine."""
    fs, path = locate(uri)
    try:
        if fs.exists(path):
            fs.rm(path, recursive=True)
    except FileNotFoundError:
        return
