"""Why the Kubernetes API cannot be asked, or why it said no."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class KubeconfigError(Exception):
    """A kubeconfig cannot be used, or no credentials come of it."""


class Refusal(Exception):
    """The API answered with an error.

    Attributes:
        code: the HTTP status code.
        status: the Kubernetes `Status`, or as much of it as there is.
    """

    def __init__(self, code: int, status: Mapping[str, Any]) -> None:
        super().__init__(str(status.get("message") or f"The API answered {code}"))
        self.code, self.status = code, status
