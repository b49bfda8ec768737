"""Archives of sources in an artifact store, each under its digest and shared by all jobs that name it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from penstock.rundir import storage
from penstock.rundir.digests import digest_chunks
from penstock.sources.archive import Archive, unpack
from penstock.sources.errors import BadArchive

FOLDER = "sources"
SUFFIX = ".tar.gz"
FRESH = timedelta(minutes=5)
"""An older archive is written again when it is wanted, so that none is removed that a job is about to name."""
PROTECTED = timedelta(minutes=30)
"""So long after it was written an archive stays though no job names it: the job may be about to be applied."""


class StoredArchive(NamedTuple):
    """An archive in a store, or what a writer that was killed left of one."""

    uri: str
    digest: str
    written: datetime


def archive_uri(artifacts: str, digest: str) -> str:
    """Where the archive of a digest is.

    Examples:
        >>> archive_uri("s3://models/penstock", "sha256:0f3c")
        's3://models/penstock/sources/0f3c.tar.gz'
    """
    return storage.join(artifacts, FOLDER, f"{digest.removeprefix('sha256:')}{SUFFIX}")


def has(artifacts: str, digest: str) -> bool:
    """Whether an archive is there."""
    return storage.is_file(archive_uri(artifacts, digest))


def is_fresh(artifacts: str, digest: str, now: datetime | None = None) -> bool:
    """Whether an archive is there, and young enough to stay until a job names it."""
    written = storage.modified(archive_uri(artifacts, digest))
    return written is not None and (now or datetime.now(UTC)) - written < FRESH


def put(artifacts: str, archive: Archive) -> None:
    """Write an archive."""
    storage.replace(archive_uri(artifacts, archive.digest), archive.content)


def fetch(uri: str, digest: str, folder: Path) -> None:
    """Read an archive, check it, and unpack it into an empty folder.

    Raises:
        FileNotFoundError: it is not there.
        BadArchive: it is not what the digest says, or cannot be unpacked.
    """
    with storage.open_file(uri) as file:
        found = digest_chunks(iter(lambda: bytes(file.read(storage.CHUNK)), b""))
        if found != digest:
            raise BadArchive(f"{uri} has digest {found}: it was altered or cut short; upload it again")
        file.seek(0)
        unpack(file, folder)


def stored(artifacts: str) -> list[StoredArchive]:
    """The archives in a store."""
    folder = storage.join(artifacts, FOLDER)
    return [
        StoredArchive(storage.join(folder, name), f"sha256:{name.removesuffix(SUFFIX)}", written)
        for name, written in storage.entries(folder)
    ]


def remove(archive: StoredArchive) -> bool:
    """Remove an archive, unless it was written again since; whether it is gone."""
    if storage.modified(archive.uri) not in (None, archive.written):
        return False
    storage.delete_tree(archive.uri)
    return True
