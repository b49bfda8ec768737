"""Archives of code: the same bytes for the same files, and nothing that leads out of the folder."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from penstock.sources.archive import File, pack, unpack
from penstock.sources.errors import BadArchive

FILES = {"train.py": File(b"pass"), "pkg/__init__.py": File(b""), "run.sh": File(b"#!/bin/sh\n", executable=True)}


def test_the_same_files_are_the_same_bytes() -> None:
    turned = dict(reversed(FILES.items()))
    assert pack(FILES) == pack(turned)
    assert pack(FILES).digest != pack(FILES | {"train.py": File(b"fail")}).digest


def test_what_was_packed_is_unpacked(tmp_path: Path) -> None:
    unpack(io.BytesIO(pack(FILES).content), tmp_path)
    found = {str(path.relative_to(tmp_path)): path for path in tmp_path.rglob("*") if path.is_file()}
    assert {name: path.read_bytes() for name, path in found.items()} == {n: f.content for n, f in FILES.items()}
    assert [name for name, path in found.items() if path.stat().st_mode & 0o100] == ["run.sh"]


def archive(*members: tuple[str, bytes, str]) -> io.BytesIO:
    """An archive as somebody else may make it: name, kind and target of a link."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, kind, link in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, link
            tar.addfile(info, io.BytesIO(b""))
    buffer.seek(0)
    return buffer


def garbled() -> io.BytesIO:
    """Whole where the members begin, and nothing that was ever compressed in the middle of one."""
    text = b"".join(b"%d," % (n * n) for n in range(100_000))
    content = bytearray(pack({"data": File(text)}).content)
    middle = len(content) // 2
    content[middle : middle + 1000] = b"\xff" * 1000
    return io.BytesIO(bytes(content))


def bomb() -> io.BytesIO:
    return io.BytesIO(pack({"zeros": File(bytes(2 << 20))}).content)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: archive(("/etc/cron.d/x", tarfile.REGTYPE, "")), "'/etc/cron.d/x', which leads out"),
        (lambda: archive(("../x", tarfile.REGTYPE, "")), "'../x', which leads out"),
        (lambda: archive(("a/../../x", tarfile.REGTYPE, "")), "leads out"),
        (lambda: archive(("x", tarfile.SYMTYPE, "/etc/passwd")), "'x', which is neither a file nor a folder"),
        (lambda: archive(("x", tarfile.LNKTYPE, "../x")), "neither a file nor a folder"),
        (lambda: archive(("x", tarfile.CHRTYPE, "")), "neither a file nor a folder"),
        (lambda: archive(("x", tarfile.FIFOTYPE, "")), "neither a file nor a folder"),
        (bomb, "more than 1 MiB"),
        (lambda: io.BytesIO(b"not an archive"), "cannot be read"),
        (lambda: io.BytesIO(gzip.compress(b"not a tar")), "cannot be read"),
        (lambda: io.BytesIO(pack(FILES).content[:-30]), "cannot be read"),
        (garbled, "cannot be read"),
    ],
)
def test_what_an_archive_may_not_hold_is_named(tmp_path: Path, make: Callable[[], io.BytesIO], message: str) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    with pytest.raises(BadArchive, match=message):
        unpack(make(), folder, most=1 << 20)
    assert list(tmp_path.iterdir()) == [folder]


def test_a_file_that_stands_twice_is_refused(tmp_path: Path) -> None:
    twice = archive(("x", tarfile.REGTYPE, ""), ("x", tarfile.REGTYPE, ""))
    with pytest.raises(BadArchive, match="'x' stands twice"):
        unpack(twice, tmp_path)
