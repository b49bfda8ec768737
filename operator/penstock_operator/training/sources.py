"""Whether the code of a job is where its spec says, and what a ConfigMap's is as an archive."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from penstock.api.source import ArchiveSource
from penstock.api.trainingjob import TrainingJob
from penstock.installation import Installation
from penstock.sources.archive import File, pack
from penstock.sources.store import archive_uri
from penstock_operator.loop.away import Away, or_away
from penstock_operator.ports import Artifacts, Cluster
from penstock_operator.training.observed import Code


@dataclass(frozen=True)
class SourceObserver:
    """Reads what `spec.source` names; Git alone is asked by the attempt itself."""

    cluster: Cluster
    artifacts: Artifacts
    installation: Installation

    async def observe(self, job: TrainingJob) -> Code:
        """What is there."""
        source = job.spec.source
        if source.config_map_ref is not None:
            return await self._config_map(job, source.config_map_ref.name)
        if source.archive is not None:
            return await self._archive(source.archive)
        if source.git is not None:
            return Code(revision=source.git.revision)
        return await self._path(job, source.path or "")

    async def _path(self, job: TrainingJob, folder: str) -> Code:
        if not self.installation.shared_files:
            return Code()
        if not PurePosixPath(folder).is_absolute():
            return Code(invalid=f"spec.source.path: {folder!r} is relative: `penstock apply` makes it absolute")
        if await self.artifacts.has_file(folder, job.spec.entrypoint):
            return Code()
        missing = f"{job.spec.entrypoint!r} is not in spec.source.path {folder!r}"
        return Code(invalid=f"spec.entrypoint: {missing}: correct one of them")

    async def _archive(self, archive: ArchiveSource) -> Code:
        if await self.artifacts.has_source(self.installation.artifacts, archive.digest):
            return Code(revision=archive.digest)
        uri = archive_uri(self.installation.artifacts, archive.digest)
        return Code(invalid=f"spec.source.archive: {uri} is not there: `penstock apply` uploads it")

    async def _config_map(self, job: TrainingJob, name: str) -> Code:
        namespace = job.metadata.namespace
        found = await or_away(self.cluster.get("ConfigMap", namespace, name))
        if isinstance(found, Away):
            return Code(missing=f"spec.source.configMapRef: ConfigMap {name!r} cannot be read: {found.cause}")
        if found is None:
            return Code(
                missing=f"spec.source.configMapRef: ConfigMap {name!r} is not in namespace {namespace!r}: create it"
            )
        files = config_map_files(found)
        if job.spec.entrypoint not in files:
            keys = ", ".join(sorted(files)) or "none"
            return Code(
                invalid=f"spec.entrypoint: {job.spec.entrypoint!r} is no key of ConfigMap {name!r} "
                f"(spec.source.configMapRef), which has {keys}: correct one of them"
            )
        archive = pack(files)
        if await self.artifacts.has_source(self.installation.artifacts, archive.digest):
            return Code(revision=archive.digest)
        return Code(revision=archive.digest, unstored=archive)


def config_map_files(config_map: dict[str, Any]) -> dict[str, File]:
    """The files that a ConfigMap holds, by key."""
    text = {key: File(value.encode()) for key, value in (config_map.get("data") or {}).items()}
    binary = {key: File(base64.b64decode(value)) for key, value in (config_map.get("binaryData") or {}).items()}
    return text | binary
