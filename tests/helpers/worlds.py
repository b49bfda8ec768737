"""A world of which a test needs but some parts."""

from __future__ import annotations

from typing import Any

from penstock_operator.ports import World


class Absent:
    """A part that a test does without: whoever asks it fails."""


def world(**parts: Any) -> World:
    """A world of these parts."""
    absent: Any = Absent()
    names = ("cluster", "rays", "features", "vectors", "artifacts", "installation")
    return World(**{**dict.fromkeys(names, absent), **parts})
