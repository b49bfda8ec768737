"""Files under a URI: read, replace atomically, list, delete; on this machine's disks or in an object store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from typing import BinaryIO, NamedTuple, Protocol

from penstock.rundir.files import Files

CHUNK = 1 << 20


class Entry(NamedTuple):
    """A file or folder in a folder."""

    name: str
    modified: datetime


class Store(Protocol):
    """What keeps files."""

    def open(self, path: str) -> AbstractContextManager[BinaryIO]:
        """A file that can be read from any place in it; FileNotFoundError where there is none."""

    def replace(self, path: str, content: bytes) -> None:
        """Write a file whole."""

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder."""

    def is_file(self, path: str) -> bool:
        """Whether there is a file."""

    def modified(self, path: str) -> datetime | None:
        """When a file was written."""

    def entries(self, path: str) -> list[tuple[str, datetime]]:
        """Names and times of what is in a folder."""

    def delete(self, path: str) -> None:
        """Delete a file or a folder with all in it."""

    def prune(self, path: str, root: str) -> None:
        """Remove the folders above a path that are empty, below a root."""


def locate(uri: str) -> tuple[Store, str]:
    """The store of a URI, and the path in it. A plain path is of this machine.

    Raises:
        StoreRefused: no store is known for the scheme.
    """
    scheme, separator, rest = uri.partition("://")
    if not separator:
        return Files(), uri
    if scheme == "file":
        return Files(), rest
    # Only who has an object store needs pyarrow to reach it.
    from penstock.rundir.objects import connect

    return connect(uri), rest


def join(uri: str, *parts: str) -> str:
    """A URI below another."""
    return "/".join([uri.rstrip("/"), *parts])


def open_file(uri: str) -> AbstractContextManager[BinaryIO]:
    """A file that can be read from any place in it.

    Raises:
        FileNotFoundError: there is none.
        StoreError: the store did not do what was asked; so with all that follow.
    """
    store, path = locate(uri)
    return store.open(path)


def read_bytes(uri: str) -> bytes:
    """The content of a file.

    Raises:
        FileNotFoundError: there is none.
    """
    with open_file(uri) as file:
        return bytes(file.read())


def read_chunks(uri: str) -> Iterator[bytes]:
    """The content of a file, a mebibyte at a time.

    Raises:
        FileNotFoundError: there is none.
    """
    with open_file(uri) as file:
        while chunk := file.read(CHUNK):
            yield bytes(chunk)


def replace(uri: str, content: bytes) -> None:
    """Write a file so that a reader sees the old content or all of the new, also after a crash."""
    store, path = locate(uri)
    store.replace(path, content)


def exists(uri: str) -> bool:
    """Whether there is a file or folder."""
    store, path = locate(uri)
    return store.exists(path)


def is_file(uri: str) -> bool:
    """Whether there is a file."""
    store, path = locate(uri)
    return store.is_file(path)


def modified(uri: str) -> datetime | None:
    """When a file was written; None where there is none."""
    store, path = locate(uri)
    return store.modified(path)


def entries(uri: str) -> list[Entry]:
    """What is in a folder, by name; nothing where there is no folder."""
    store, path = locate(uri)
    return sorted(Entry(*found) for found in store.entries(path))


def names(uri: str) -> list[str]:
    """The names in a folder, sorted; none where there is no folder."""
    return [entry.name for entry in entries(uri)]


def delete_tree(uri: str) -> None:
    """Delete a file or a folder with all in it; one that is gone is fine."""
    store, path = locate(uri)
    store.delete(path)


def prune(uri: str, root: str) -> None:
    """Remove the folders that are empty since what was at a URI went, up to a root, which stays.

    A folder that somebody writes into is left; who makes one just then makes it again. Object stores have no folders.
    """
    store, path = locate(uri)
    store.prune(path, locate(root)[1])
