"""The artifact store, called in worker threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from pydantic import ValidationError

from penstock.handoff import StagingReport
from penstock.rundir import storage
from penstock.rundir.checkpoints import complete_steps
from penstock.rundir.errors import ReportInvalid, StoreRefused, StoreUnreachable
from penstock.rundir.manifest import Manifest
from penstock.rundir.progress import Progress, read_progress
from penstock.rundir.read import read_manifest
from penstock.sources import store
from penstock.sources.archive import Archive
from penstock.sources.store import StoredArchive
from penstock_operator.adapters.threads import EndpointThreads
from penstock_operator.ports import Refused, Unreachable

T = TypeVar("T")

REPORT = "report.json"
TIMEOUT_SECONDS = 20.0


class FileArtifacts:
    """Artifacts in files or in an object store."""

    def __init__(self, root: str = "") -> None:
        """Begin.

        Args:
            root: the artifact store; folders below it go with the last thing in them. Unset, they stay.
        """
        self._root = root
        self._threads = EndpointThreads(threads=8)

    async def manifest(self, run_uri: str) -> Manifest:
        """The manifest, checked."""
        return await self._in_thread(lambda: read_manifest(run_uri))

    async def progress(self, uri: str) -> Progress | None:
        """What the job last reported."""
        return await self._in_thread(lambda: read_progress(uri))

    async def report(self, stage_uri: str) -> StagingReport | None:
        """The report of a staging."""

        def read() -> StagingReport | None:
            where = storage.join(stage_uri, REPORT)
            try:
                return StagingReport.model_validate_json(storage.read_bytes(where))
            except FileNotFoundError:
                return None
            except ValidationError as error:
                first = error.errors()[0]
                field = ".".join(map(str, first["loc"]))
                raise ReportInvalid(f"{where} cannot be read: {field or 'document'}: {first['msg']}") from error

        return await self._in_thread(read)

    async def has_file(self, folder: str, path: str) -> bool:
        """Whether a folder holds a file."""
        return await self._in_thread(lambda: storage.is_file(storage.join(folder, path)))

    async def has_source(self, artifacts: str, digest: str) -> bool:
        """Whether there is an archive of code."""
        return await self._in_thread(lambda: store.has(artifacts, digest))

    async def put_source(self, artifacts: str, archive: Archive) -> None:
        """Write an archive of code."""
        await self._in_thread(lambda: store.put(artifacts, archive))

    async def sources(self, artifacts: str) -> Sequence[StoredArchive]:
        """The archives of code."""
        return await self._in_thread(lambda: store.stored(artifacts))

    async def remove_source(self, archive: StoredArchive) -> bool:
        """Remove an archive of code, unless it was written again."""

        def remove() -> bool:
            removed = store.remove(archive)
            self._prune(archive.uri)
            return removed

        return await self._in_thread(remove)

    async def has_checkpoint(self, run_uri: str) -> bool:
        """Whether a run left a whole checkpoint."""
        return await self._in_thread(lambda: bool(complete_steps(run_uri)))

    async def put(self, uri: str, content: bytes) -> None:
        """Write a file whole or not at all."""
        await self._in_thread(lambda: storage.replace(uri, content))

    async def delete(self, uri: str) -> None:
        """Remove a directory and all in it."""

        def delete() -> None:
            storage.delete_tree(uri)
            self._prune(uri)

        await self._in_thread(delete)

    def _prune(self, uri: str) -> None:
        if self._root:
            storage.prune(uri, self._root)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        try:
            return await self._threads.run("The artifact store", work, TIMEOUT_SECONDS)
        except StoreUnreachable as error:
            raise Unreachable(str(error)) from error
        except (StoreRefused, PermissionError) as error:
            raise Refused(str(error)) from error
