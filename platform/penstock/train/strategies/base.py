"""What a strategy is, and how one is found."""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol

from penstock.handoff import GIT_TOKEN_VARIABLE, AttemptSpec
from penstock.rundir import authorities
from penstock.train.errors import TrainError
from penstock.train.run import write_last_reports

GROUP = "penstock.strategies"


class Strategy(Protocol):
    """Runs the entrypoint on every worker of an attempt."""

    def __call__(self, spec: AttemptSpec) -> None:
        """Return when every worker has ended well; raise what one raised."""


def find(name: str) -> Strategy:
    """The strategy plug-in of this name.

    Raises:
        TrainError: none is installed.
    """
    found = entry_points(group=GROUP)
    for entry in found:
        if entry.name == name:
            load: Callable[[], Strategy] = entry.load()
            return load()
    known = ", ".join(sorted(entry.name for entry in found))
    raise TrainError(f"spec.strategy.name: no strategy {name!r} is installed; there are {known}")


def run_entrypoint(spec: AttemptSpec) -> None:
    """Run the entrypoint in this process as `python entrypoint args` would in its folder.

    Raises:
        TrainError: it exited with a code other than 0.
    """
    assert spec.source.path is not None
    # It was for the launcher, and Ray gives the variables of a job to all of its processes.
    os.environ.pop(GIT_TOKEN_VARIABLE, None)
    # Clients of the training code's own trust the same store.
    authorities.bundle()
    source = Path(spec.source.path).resolve()
    os.chdir(source)
    sys.path.insert(0, str(source))
    sys.argv = [spec.entrypoint, *spec.args]
    try:
        runpy.run_path(str(source / spec.entrypoint), run_name="__main__")
    except SystemExit as ended:
        if ended.code not in (None, 0):
            raise TrainError(f"{spec.entrypoint} exited with {ended.code}") from None
    write_last_reports()
