"""Why a gateway gave no answer."""

from __future__ import annotations


class ServingError(Exception):
    """The base of the errors of `penstock.serving`; `run` is the run that would have answered, where it is known."""

    def __init__(self, message: str, run: str | None = None) -> None:
        super().__init__(message)
        self.run = run


class QueryRefused(ServingError):
    """The query does not fit the view, the collection, the encoder or the limits (400, 409, 413)."""


class RunNotServed(ServingError):
    """No such materialization, view, collection, field or run is served (404)."""


class Unauthorized(ServingError):
    """The gateway wants a token, or does not know the one that was sent (401)."""


class Forbidden(ServingError):
    """The caller may not query this materialization; the message says what grants it (403)."""


class RateLimited(ServingError):
    """The caller asks too often (429).

    Attributes:
        retry_after: seconds after which the same query may go through.
    """

    def __init__(self, message: str, run: str | None = None, retry_after: float = 1.0) -> None:
        super().__init__(message, run)
        self.retry_after = retry_after


class GatewayUnavailable(ServingError):
    """The gateway or a store behind it does not answer (503, or no connection); the same query may go through later."""
