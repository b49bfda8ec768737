"""Each measurement can be started: what it needs of the tests and of Penstock is where it looks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[3] / "bench"
SCRIPTS = ("switch", "demo", "cluster", "control_plane")


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_measurement_tells_how_it_is_started(name: str) -> None:
    done = subprocess.run([sys.executable, BENCH / f"{name}.py", "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"{name}.py" in done.stdout


def test_no_measurement_is_left_out() -> None:
    scripts = {path.stem for path in BENCH.glob("*.py") if "argparse" in path.read_text()}
    assert scripts == set(SCRIPTS)
