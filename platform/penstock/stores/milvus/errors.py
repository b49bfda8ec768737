"""Why a Milvus could not do what was asked."""

from __future__ import annotations


class VectorsError(Exception):
    """The base of the errors of `penstock.vectors`."""


class VectorsUnreachable(VectorsError):
    """The server does not answer; the same call may go through later."""


class VectorsRefused(VectorsError):
    """The server understood the call and refused it."""
