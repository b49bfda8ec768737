"""Why a run directory is refused."""

from __future__ import annotations


class RunDirError(Exception):
    """A run directory cannot be read; subclasses say why."""


class ManifestMissing(RunDirError):
    """There is no manifest: the run is not complete."""


class ManifestInvalid(RunDirError):
    """The manifest is not JSON, or not of the manifest's form."""


class ManifestFromFuture(RunDirError):
    """The manifest has a schema version that this Penstock does not know."""


class DigestMismatch(RunDirError):
    """The manifest or a file is not what its digest says."""
