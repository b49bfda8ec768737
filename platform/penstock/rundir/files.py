"""Files on this machine's disks, or on a volume that is mounted here."""

from __future__ import annotations

import os
import shutil
import uuid
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

CREATE_TRIES = 100
"""More than folders can be pruned by chance between being made and being used."""


class Files:
    """A store of paths."""

    def open(self, path: str) -> BinaryIO:
        """A file to read."""
        return Path(path).open("rb")

    def replace(self, path: str, content: bytes) -> None:
        """Write beside the file, sync, and rename."""
        target = Path(path)
        temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
        try:
            with _created(temporary) as file:
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

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder."""
        return Path(path).exists()

    def is_file(self, path: str) -> bool:
        """Whether there is a file."""
        return Path(path).is_file()

    def modified(self, path: str) -> datetime | None:
        """When it was written; None where there is none."""
        try:
            return datetime.fromtimestamp(Path(path).stat().st_mtime, UTC)
        except FileNotFoundError:
            return None

    def entries(self, path: str) -> list[tuple[str, datetime]]:
        """Names and times of what is in a folder."""
        try:
            children = list(Path(path).iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        timed = ((child.name, self.modified(str(child))) for child in children)
        return [(name, when) for name, when in timed if when is not None]

    def prune(self, path: str, root: str) -> None:
        """Remove the folders above a path that are empty, below a root; what is in use is not, for it is not empty."""
        top = Path(root)
        for folder in Path(path).parents:
            if top not in folder.parents:
                return
            try:
                folder.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                return

    def delete(self, path: str) -> None:
        """Delete a file or a folder with all in it."""
        target = Path(path)
        try:
            if target.is_dir() and not target.is_symlink():
                shutil.rmtree(target)
            else:
                target.unlink()
        except FileNotFoundError:
            return


def _created(path: Path) -> BinaryIO:
    """A new file to write, in a folder that is made; one that was empty may be pruned before the file is in it."""
    for _ in range(CREATE_TRIES):
        with suppress(FileNotFoundError):
            path.parent.mkdir(parents=True, exist_ok=True)
            return path.open("xb")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("xb")
