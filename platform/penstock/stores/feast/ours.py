"""What of a registry is Penstock's: people, and other tools, keep theirs in the same project."""

from __future__ import annotations

from typing import Any

TAGS = {"app.kubernetes.io/managed-by": "penstock"}
"""Tags of every object that Penstock registers."""


def is_ours(obj: Any) -> bool:
    """Whether Penstock registered an object of a registry."""
    return all(obj.tags.get(name) == value for name, value in TAGS.items())
