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


def is_free(port: int) -> bool:
    """Whether a server could listen on this port now."""
    with socket.socket() as listener:
        # As servers do: a connection that is still closing does not keep the port.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
