"""What the gateway answers when it cannot answer."""

from __future__ import annotations


class LoadError(Exception):
    """A run cannot be served as its record says; the message names what is wrong."""


class GatewayError(Exception):
    """An answer other than 200; the message says what to do."""

    code = 500
    retry_after: int | None = None
    challenge: str | None = None
    """What `WWW-Authenticate` says (RFC 6750)."""

    def __init__(self, message: str, run: str | None = None) -> None:
        super().__init__(message)
        self.run = run


class Unauthenticated(GatewayError):
    """Nobody is known by the token, or there is none."""

    code = 401

    def __init__(self, message: str, token_sent: bool = True) -> None:
        super().__init__(message)
        self.challenge = 'Bearer realm="penstock"' + (', error="invalid_token"' if token_sent else "")


class Forbidden(GatewayError):
    """The caller may not query this."""

    code = 403


class RateLimited(GatewayError):
    """The caller asks too often; the same query may go through later."""

    code = 429

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


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


class DataGone(Unavailable):
    """What the run wrote into a store is there no more; it is served again once the operator has staged it again."""

    retry_after = 10
