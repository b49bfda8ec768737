"""A credential plug-in whose answer a test writes down, and which counts how often it is run."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

VERSION = "client.authentication.k8s.io/v1"


class Plugin:
    """A program for `user.exec`."""

    def __init__(self, folder: Path) -> None:
        self._answer, self._runs = folder / "answer.json", folder / "runs"
        self.command = folder / "plugin"
        self.command.write_text(
            f"#!/bin/sh\necho >> {shlex.quote(str(self._runs))}\ncat {shlex.quote(str(self._answer))}\n"
        )
        self.command.chmod(0o755)

    def answers(self, lives: timedelta | None = None, **status: Any) -> None:
        """What it says from now on, and for how long that is good."""
        if lives is not None:
            status["expirationTimestamp"] = (datetime.now(UTC) + lives).strftime("%Y-%m-%dT%H:%M:%SZ")
        body = {"apiVersion": VERSION, "kind": "ExecCredential", "status": status}
        self._answer.write_text(json.dumps(body))

    @property
    def runs(self) -> int:
        return len(self._runs.read_text()) if self._runs.exists() else 0

    @property
    def user(self) -> dict[str, Any]:
        """The user of a kubeconfig."""
        return {"exec": {"apiVersion": VERSION, "command": str(self.command), "interactiveMode": "Never"}}
