"""The progress of `penstock run`: bars where a person watches, a line for each change elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from penstock.cli.output import interactive, say

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from penstock.cli.follow import Step


class Reporter(Protocol):
    """Shows how far each object is."""

    def show(self, name: str, step: Step) -> None:
        """Take what is to be said of an object now."""


class Lines:
    """A line for each change: seconds since the start, object, what is to be said."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._said: dict[str, str] = {}

    def show(self, name: str, step: Step) -> None:
        """Print the step if it says something new."""
        if self._said.get(name) != step.text:
            self._said[name] = step.text
            say(f"{time.monotonic() - self._started:6.1f}s  {name}  {step.text}")


class Bars:
    """A bar for each object."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def show(self, name: str, step: Step) -> None:
        """Move the object's bar."""
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=None, text="")
        total = step.whole or (1 if step.done else None)
        completed = total if step.done and step.failure is None and total is not None else step.part
        self._progress.update(self._tasks[name], total=total, completed=completed, text=step.text)


@contextmanager
def reporter() -> Iterator[Reporter]:
    """The reporter that fits where standard error goes."""
    if not interactive():
        yield Lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    shown = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(24), TextColumn("{task.fields[text]}"))
    with Progress(*shown, TimeElapsedColumn(), console=Console(stderr=True)) as progress:
        yield Bars(progress)
