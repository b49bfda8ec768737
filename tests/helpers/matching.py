"""Whether a selector selects."""

from __future__ import annotations


def fits(selector: dict[str, str], labels: dict[str, str]) -> bool:
    """Whether the labels are selected; an empty selector selects nothing here."""
    return bool(selector) and selector.items() <= labels.items()
