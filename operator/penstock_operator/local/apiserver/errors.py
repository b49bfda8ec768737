"""Why the object store refuses a call; each has its place in the Kubernetes API's status codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock.crds.validate import FieldError


class StoreError(Exception):
    """A call that was refused."""

    code = 500
    reason = "InternalError"

    @property
    def details(self) -> dict[str, Any]:
        """What a program can read of it: the `details` of a `Status`."""
        return {}


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


class Malformed(StoreError):
    """What was sent is no object of its kind; the message names the field."""

    code, reason = 400, "BadRequest"


class Forbidden(StoreError):
    """A rule of the kind stands against it."""

    code, reason = 403, "Forbidden"


class Invalid(StoreError):
    """An object that breaks its schema or rules, every cause named."""

    code, reason = 422, "Invalid"

    def __init__(self, kind: str, group: str, name: str, errors: Sequence[FieldError]) -> None:
        listed = "; ".join(map(str, errors))
        super().__init__(f'{kind}.{group} "{name}" is invalid: {listed}')
        self._object = {"name": name, "group": group, "kind": kind}
        self._errors = tuple(errors)

    @property
    def details(self) -> dict[str, Any]:
        """The object, and a cause for each field."""
        causes = [{"reason": one.cause.value, "message": one.message, "field": one.path} for one in self._errors]
        return {**self._object, "causes": causes}
