"""One worker, in the process of the attempt itself."""

from __future__ import annotations

from penstock.handoff import AttemptSpec
from penstock.train.strategies.base import run_entrypoint


class Single:
    """Runs the entrypoint here."""

    def __call__(self, spec: AttemptSpec) -> None:
        """Return when the entrypoint has ended well."""
        run_entrypoint(spec)
