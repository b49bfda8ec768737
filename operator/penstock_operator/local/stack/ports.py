"""The ports of a stack, remembered so that its addresses outlive a restart."""

from __future__ import annotations

import json
from pathlib import Path

from penstock.rundir import storage
from penstock_operator.local.stack.sockets import free_port, is_free


class Ports:
    """Named ports of the loopback interface, in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ports: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}

    def get(self, name: str) -> int:
        """The port of this name: the one that it had, or a free one."""
        if name not in self._ports:
            self.set(name, free_port())
        return self._ports[name]

    def set(self, name: str, port: int) -> None:
        """Give a name this port."""
        self._ports[name] = port
        storage.replace(str(self._path), json.dumps(self._ports).encode())

    def renew(self, name: str) -> None:
        """Give a name whose port another process took meanwhile a free one."""
        if not is_free(self.get(name)):
            self.set(name, free_port())
