"""Gzipped tar archives of files: the same bytes for the same files, and nothing but files and folders in them."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from penstock.rundir.digests import digest_chunks
from penstock.sources.errors import BadArchive

UNPACKED_BYTES = 1 << 30
MEMBERS = 100_000
LEVEL = 6


class File(NamedTuple):
    """A file of a source."""

    content: bytes
    executable: bool = False


class Archive(NamedTuple):
    """The bytes of an archive, and their digest."""

    content: bytes
    digest: str


def pack(files: Mapping[str, File]) -> Archive:
    """An archive of files by their path below the folder: names in order, no times, no owners.

    Examples:
        >>> pack({"train.py": File(b"pass")}) == pack({"train.py": File(b"pass")})
        True
    """
    buffer = io.BytesIO()
    # No file name and no time in the header of gzip either.
    with (
        gzip.GzipFile(filename="", fileobj=buffer, mode="wb", compresslevel=LEVEL, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name in sorted(files):
            info = tarfile.TarInfo(name)
            info.size = len(files[name].content)
            info.mode = 0o755 if files[name].executable else 0o644
            tar.addfile(info, io.BytesIO(files[name].content))
    content = buffer.getvalue()
    return Archive(content, digest_chunks([content]))


def unpack(archive: IO[bytes], folder: Path, most: int = UNPACKED_BYTES) -> None:
    """Unpack an archive into an empty folder.

    Raises:
        BadArchive: it is no archive, too large, or holds a link, a device, an absolute path or one that leads out.
    """
    try:
        with (
            gzip.GzipFile(fileobj=archive, mode="rb") as zipped,
            tarfile.open(fileobj=_Bounded(zipped, most), mode="r|") as tar,
        ):
            for number, member in enumerate(tar):
                if number >= MEMBERS:
                    raise BadArchive(f"The archive holds more than {MEMBERS} files")
                _extract(tar, member, folder)
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise BadArchive(f"The archive cannot be read: {error}") from error


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or "\0" in member.name:
        raise BadArchive(f"The archive holds {member.name!r}, which leads out of its folder")
    target = folder / path
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    source = tar.extractfile(member) if member.isreg() else None
    if source is None:
        raise BadArchive(f"The archive holds {member.name!r}, which is neither a file nor a folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    # A name that stands twice would overwrite: then the digest of the archive says nothing of what runs.
    try:
        with target.open("xb") as file:
            while chunk := source.read(1 << 20):
                file.write(chunk)
    except FileExistsError:
        raise BadArchive(f"The archive is not clear: {member.name!r} stands twice") from None
    target.chmod(0o755 if member.mode & 0o100 else 0o644)


class _Bounded(io.RawIOBase):
    """What is unzipped, up to a number of bytes: a small archive can hold a very large one."""

    def __init__(self, file: gzip.GzipFile, most: int) -> None:
        self._file, self._most, self._left = file, most, most

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        content = self._file.read(size)
        self._left -= len(content)
        if self._left < 0:
            raise BadArchive(f"The archive holds more than {self._most >> 20} MiB")
        return content
