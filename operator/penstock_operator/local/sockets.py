"""Free ports on the loopback interface."""

from __future__ import annotations

import socket

RAY_WORKERS = range(10_000, 20_000)
"""The ports that Ray keeps for its workers; none of its other ports may be among them."""


def free_port() -> int:
    """A port that was free a moment ago, outside of Ray's range for workers."""
    while True:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = int(listener.getsockname()[1])
        if port not in RAY_WORKERS:
            return port
