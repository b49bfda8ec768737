"""What the gateway answers when it cannot answer."""

from __future__ import annotations


class GatewayError(Exception):
    """An answer other than 200; the message says what to do."""

    code = 500
    retry_after: int | None = None

    def __init__(self, message: str, run: str | None = None) -> None:
        super().__init__(message)
        self.run = run


class InvalidQuery(GatewayError):
    """The query does not fit the view, the collection or the encoder."""

    code = 400


class NotServed(GatewayError):
    """No such materialization, view, collection or run is served."""

    code = 404


class EncoderMismatch(GatewayError):
    """The query's vectors were made by another encoder than those that they are compared with."""

    code = 409


class TooLarge(GatewayError):
    """The body is over the limit."""

    code = 413


class Unavailable(GatewayError):
    """A store is away, nothing is live yet, or too much is asked at once; the same query may go through later."""

    code = 503
    retry_after = 1
