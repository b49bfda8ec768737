"""From what an attempt says of its code to a folder on this machine."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from penstock.handoff import GIT_TOKEN_VARIABLE, AttemptSpec, GitCode
from penstock.rundir.errors import StoreError
from penstock.sources.errors import SourcesError
from penstock.sources.store import fetch
from penstock.train.errors import SourceError
from penstock.train.git import fetch_commit

IN_IMAGE = Path("/opt/penstock/sources")
"""Where images keep the code of jobs, each in a folder of the job's name."""


@contextmanager
def resolved(spec: AttemptSpec) -> Iterator[AttemptSpec]:
    """The attempt with an absolute `source.path`; what was fetched for it goes when the block ends.

    Raises:
        SourceError: the code cannot be had, or the entrypoint is not in it.
    """
    token = os.environ.get(GIT_TOKEN_VARIABLE)
    source = spec.source
    if not source.fetched:
        folder = IN_IMAGE / spec.name / (source.path or "")
        yield _at(spec, folder, f"spec.source.path: {str(folder)!r} where Ray runs")
        return
    with tempfile.TemporaryDirectory(prefix="penstock-source-") as made:
        folder = Path(made)
        if source.git is not None:
            fetch_commit(source.git, folder, token)
            yield _at(spec, _below(folder, source.git), f"spec.source.git: {source.git.url}")
        elif source.archive is not None:
            uri = source.archive.uri
            try:
                fetch(uri, source.archive.digest, folder)
            except FileNotFoundError:
                raise SourceError(f"{uri} is not there: apply the job again with `penstock apply`") from None
            except (StoreError, SourcesError) as error:
                raise SourceError(str(error)) from error
            yield _at(spec, folder, uri)


def _below(folder: Path, git: GitCode) -> Path:
    path = PurePosixPath(git.path or "")
    if path.is_absolute() or ".." in path.parts:
        raise SourceError(f"spec.source.git.path: {git.path!r} leads out of the repository")
    return folder / path


def _at(spec: AttemptSpec, folder: Path, where: str) -> AttemptSpec:
    if not folder.is_dir():
        raise SourceError(f"{where}: there is no such folder")
    if not (folder / spec.entrypoint).is_file():
        raise SourceError(f"spec.entrypoint: {spec.entrypoint!r} is not in {where}: correct one of them")
    return spec.model_copy(update={"source": spec.source.model_copy(update={"path": str(folder)})})
