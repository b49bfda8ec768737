"""A local stack for a measurement, in a temporary folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PENSTOCK = [sys.executable, "-m", "penstock.cli"]


def penstock(home: Path, *words: str) -> None:
    """Run the command; what it says goes to stderr.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    subprocess.run([*PENSTOCK, *words, "--home", str(home)], stdout=sys.stderr, check=True)


@contextmanager
def stack() -> Iterator[Path]:
    """A stack that is up, and is stopped with the block; its home."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / ".penstock"
        penstock(home, "up")
        os.environ["PENSTOCK_KUBECONFIG"] = str(home / "kubeconfig")
        try:
            yield home
        finally:
            penstock(home, "down")


def quantile(values: list[float], share: float) -> float:
    """The value below which this share lies, in milliseconds."""
    return round(sorted(values)[min(int(len(values) * share), len(values) - 1)] * 1000, 2)
