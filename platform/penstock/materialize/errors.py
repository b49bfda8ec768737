"""Why a run is refused before it reaches a gate."""

from __future__ import annotations


class InvalidOutput(Exception):
    """A run's output breaks the contract; the message names the output, the column and the value."""
