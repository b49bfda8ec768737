"""Why the object store refuses a call; each has its place in the Kubernetes API's status codes."""

from __future__ import annotations


class StoreError(Exception):
    """A call that was refused."""

    code = 500
    reason = "InternalError"


class NotFound(StoreError):
    """There is no such object."""

    code, reason = 404, "NotFound"


class AlreadyExists(StoreError):
    """There is such an object already."""

    code, reason = 409, "AlreadyExists"


class Stale(StoreError):
    """The object changed since it was read."""

    code, reason = 409, "Conflict"


class Gone(StoreError):
    """The resource version is older than the log of changes reaches."""

    code, reason = 410, "Expired"
