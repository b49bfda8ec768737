"""Why a run directory is refused, and why a store did not answer."""

from __future__ import annotations


class RunDirError(Exception):
    """A run directory cannot be read; subclasses say why."""


class ManifestMissing(RunDirError):
    """There is no manifest: the run is not complete."""


class ManifestInvalid(RunDirError):
    """The manifest is not JSON, or not of the manifest's form."""


class ManifestFromFuture(RunDirError):
    """The manifest has a schema version that this Penstock does not know."""


class ReportInvalid(RunDirError):
    """The report of a staging is not JSON, or not of the report's form."""


class DigestMismatch(RunDirError):
    """The manifest or a file is not what its digest says."""


class StoreError(OSError):
    """The store at a URI did not do what was asked; nothing is known of the file."""


class StoreUnreachable(StoreError):
    """It did not answer; the same call may go through later."""


class StoreRefused(StoreError):
    """It answered no: no such bucket, no credentials, no rights, or no URI of a store that is known here."""


class CheckpointInvalid(RunDirError):
    """A checkpoint has a step or a file name that no checkpoint can have."""
