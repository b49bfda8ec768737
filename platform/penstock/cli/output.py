"""What verbs print: columns as kubectl prints them, YAML and JSON; never colour or boxes in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import typer

MIN_WIDTH, PADDING = 6, 3


def columns(headers: Sequence[str], rows: Sequence[Sequence[Any]], header: bool = True) -> str:
    """Rows under their headers, with kubectl's spacing; the last column is not padded.

    Examples:
        >>> print(columns(["name", "age"], [["digits", "3s"]]))
        NAME     AGE
        digits   3s
    """
    lines = [[name.upper() for name in headers]] if header else []
    lines += [[cell(value) for value in row] for row in rows]
    widths = (
        [max(max(len(line[i]) for line in lines) + PADDING, MIN_WIDTH) for i in range(len(headers))] if lines else []
    )
    return "\n".join(
        "".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def cell(value: Any) -> str:
    """A value on one line."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value).split("\n", 1)[0]


def as_yaml(document: Any) -> str:
    """YAML as kubectl prints it."""
    import yaml

    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=4096).rstrip("\n")


def as_json(document: Any) -> str:
    """JSON as kubectl prints it."""
    import json

    return json.dumps(document, indent=4, ensure_ascii=False)


def say(text: str) -> None:
    """A result, on standard output."""
    typer.echo(text)


def note(text: str) -> None:
    """Something beside the result, on standard error."""
    typer.echo(text, err=True)


def on_terminal(text: str) -> None:
    """Something that only who watches wants to know."""
    if interactive():
        note(text)


def interactive() -> bool:
    """Whether a person watches standard error: only then there is progress."""
    return sys.stderr.isatty()


def age(then: datetime | None, now: datetime | None = None) -> str:
    """How long ago, as kubectl prints it.

    Examples:
        >>> age(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 0, 5, 7, tzinfo=UTC))
        '5m7s'
    """
    if then is None:
        return "<unknown>"
    passed = max(int(((now or datetime.now(UTC)) - then).total_seconds()), 0)
    minutes, hours, days = passed // 60, passed // 3600, passed // 86400
    # From the first limit that the time is under: the larger unit, and the smaller one while it still says something.
    if passed < 120:
        return f"{passed}s"
    if minutes < 10:
        return _both(minutes, "m", passed % 60, "s")
    if hours < 3:
        return f"{minutes}m"
    if hours < 8:
        return _both(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return _both(days, "d", hours % 24, "h")
    return f"{days}d" if days < 365 * 2 else _both(days // 365, "y", days % 365, "d")


def _both(large: int, unit: str, small: int, smaller: str) -> str:
    return f"{large}{unit}{small}{smaller}" if small else f"{large}{unit}"
