"""Tables under a title, as descriptions have them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock.cli.output import columns


def table(title: str, headers: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Rows under a title; `<none>` where there are none."""
    return f"{title}:\n{indented(columns(headers, rows))}" if rows else line(title, None)


def line(title: str, value: object) -> str:
    """A title and its value, on one line; `<none>` where there is none."""
    return f"{title + ':':<13} {value if value not in (None, '') else '<none>'}"


def indented(text: str, by: int = 2) -> str:
    """Every line of a text, moved to the right."""
    return "\n".join(f"{' ' * by}{one}".rstrip() for one in text.splitlines())
