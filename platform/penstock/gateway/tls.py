"""The gateway's certificate: the one that its files hold now, without a restart."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path

import structlog
from cryptography import x509

from penstock.gateway import metrics

log = structlog.get_logger()
LATE = 0.1
"""Share of a certificate's life that is left when its renewal is overdue; cert-manager renews at a third."""


class Certificate:
    """Serves TLS by a certificate and key in two files, and by their successors once both fit.

    Each handshake looks whether the files have changed, as those of a mounted Secret do. Connections that stand are not
    touched. Files that cannot be used are logged once, and leave in place what was read before.

    Args:
        certificate: PEM, the gateway's own first and then those that signed it.
        key: PEM, not encrypted.

    Raises:
        OSError: they cannot be read, or do not fit.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._certificate, self._key = certificate, key
        self._seen = self._signature()
        self.context = self._current = self._read()
        """What a server listens with."""
        self.context.sni_callback = self._choose

    def problem(self, now: datetime | None = None) -> str | None:
        """What is wrong with the certificate that is served; None while nothing is."""
        left = self._ends - (now or datetime.now(UTC))
        if left.total_seconds() <= 0:
            return f"The certificate has ended on {self._ends:%Y-%m-%d %H:%M} UTC"
        if left < LATE * (self._ends - self._begins):
            return f"The certificate ends on {self._ends:%Y-%m-%d %H:%M} UTC, and was not renewed"
        return None

    def _choose(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        """Called in each handshake, also in one that names no server."""
        self._refresh()
        connection.context = self._current

    def _refresh(self) -> None:
        found = self._signature()
        if found == self._seen:
            return
        # Before the reading: files that change meanwhile are read again in the next handshake.
        self._seen = found
        try:
            self._current = self._read()
        except OSError as error:
            log.error("The certificate cannot be used", file=str(self._certificate), error=str(error))
            return
        log.info("Certificate read", file=str(self._certificate), ends=self._ends.isoformat())

    def _read(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._certificate, self._key)
        try:
            about = x509.load_pem_x509_certificate(self._certificate.read_bytes())
        except ValueError as error:
            raise OSError(f"{self._certificate} is no certificate: {error}") from error
        self._begins, self._ends = about.not_valid_before_utc, about.not_valid_after_utc
        metrics.CERTIFICATE_ENDS.set(self._ends.timestamp())
        return context

    def _signature(self) -> object:
        """What changes when a file does."""
        try:
            stats = [path.stat() for path in (self._certificate, self._key)]
        except OSError:
            return None
        return [(stat.st_ino, stat.st_size, stat.st_mtime_ns) for stat in stats]
