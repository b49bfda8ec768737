"""One answer to who calls."""

from __future__ import annotations

from typing import NamedTuple


class Credential(NamedTuple):
    """What a request carries to say who calls."""

    authorization: str = ""
    """The header; empty for none."""
    certificate: tuple[str, str] | None = None
    """A certificate and its key, in PEM, that the TLS handshake carries."""
    ends_at: float | None = None
    """When it must be asked for again, in seconds since the epoch; None for never."""

    def headers(self) -> dict[str, str]:
        """The headers of a request."""
        headers = {"Authorization": self.authorization} if self.authorization else {}
        # A connection stays with the certificate that it began with, which ends before the connection does.
        return headers if self.certificate is None else {**headers, "Connection": "close"}
