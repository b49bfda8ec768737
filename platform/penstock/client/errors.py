"""Why a call of the client failed.

PenstockError
├── ConfigError         no kubeconfig or gateway is found, or what is found cannot be used
├── Unreachable         nothing answers at the address
├── ManifestError       a file to apply cannot be read, or a document in it is no resource
├── ApiError            the API refused the call
│   ├── NotFound
│   ├── AlreadyExists
│   ├── Conflict
│   ├── Invalid
│   ├── Unauthorized
│   └── Forbidden
├── WaitTimeout         what was awaited did not come in time
├── WaitFailed          what was awaited can no longer come
└── NotPossible         the object is not in a state that allows it
    └── LogAway         a log cannot be read; its last lines may be known
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penstock.api.meta import Condition, Resource


class PenstockError(Exception):
    """The base of every error of the client."""


class ConfigError(PenstockError):
    """No kubeconfig or gateway is found, or what is found cannot be used."""


class Unreachable(PenstockError):
    """Nothing answers at the address; the same call may go through later."""


class ManifestError(PenstockError):
    """A file to apply cannot be read, or a document in it is no resource that can be sent."""


class ApiError(PenstockError):
    """The API refused the call.

    Attributes:
        code: the HTTP status code.
        reason: the reason of the Kubernetes `Status`, such as `NotFound`.
        message: what the API said.
        causes: one line for each field that was refused.
    """

    def __init__(self, code: int, reason: str, message: str, causes: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.code, self.reason, self.message, self.causes = code, reason, message, tuple(causes)


class NotFound(ApiError):
    """There is no such object, or the API does not serve the kind."""


class AlreadyExists(ApiError):
    """There is such an object already."""


class Conflict(ApiError):
    """The object changed since it was read."""


class Invalid(ApiError):
    """The spec breaks the schema or a rule; `causes` names the fields."""


class Unauthorized(ApiError):
    """The API does not know who calls."""


class Forbidden(ApiError):
    """The caller may not do this."""


class WaitTimeout(PenstockError):
    """What was awaited did not come in time."""


class WaitFailed(PenstockError):
    """What was awaited can no longer come.

    Attributes:
        resource: the object as it was last seen.
        condition: the condition that ended the wait; None when the object was deleted.
    """

    def __init__(self, message: str, resource: Resource | None = None, condition: Condition | None = None) -> None:
        super().__init__(message)
        self.resource, self.condition = resource, condition


class NotPossible(PenstockError):
    """The object is not in a state that allows what was asked."""


class LogAway(NotPossible):
    """A log cannot be read.

    Attributes:
        lines: those that the status has of it.
    """

    def __init__(self, message: str, lines: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.lines = tuple(lines)
