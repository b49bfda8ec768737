"""Why a folder or an archive is no source."""

from __future__ import annotations


class SourcesError(Exception):
    """The base of the errors of `penstock.sources`."""


class NotPackable(SourcesError):
    """A folder cannot be packed: it is too large, or holds what an archive of code may not."""


class BadArchive(SourcesError):
    """An archive is not what its digest says, is too large, or holds what it may not."""
