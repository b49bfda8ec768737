"""Continuous integration fails when a tier that had to run did not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TIERS = Path(__file__).parents[3] / ".ci" / "tiers.py"
PASSED = '<testcase file="tests/{tier}/test_a.py" name="a"/>'
SKIPPED = '<testcase file="tests/{tier}/test_a.py" name="b"><skipped/></testcase>'


def tiers(folder: Path, reports: dict[str, str], *needed: str) -> subprocess.CompletedProcess[str]:
    for name, cases in reports.items():
        (folder / name).write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
    command = [sys.executable, str(TIERS), *(str(folder / name) for name in reports), *needed]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_tiers_of_several_reports_count(tmp_path: Path) -> None:
    reports = {"one.xml": PASSED.format(tier="pure"), "two.xml": PASSED.format(tier="cluster")}
    done = tiers(tmp_path, reports, "pure", "cluster")
    assert done.returncode == 0
    assert "cluster: 1 passed, 0 failed, 0 skipped" in done.stdout


def test_a_tier_that_did_not_run_or_not_whole_fails(tmp_path: Path) -> None:
    only = {"one.xml": PASSED.format(tier="pure")}
    assert "did not: cluster" in tiers(tmp_path, only, "pure", "cluster").stdout
    skipped = {"one.xml": PASSED.format(tier="cluster") + SKIPPED.format(tier="cluster")}
    assert tiers(tmp_path, skipped, "cluster").returncode == 1
    assert tiers(tmp_path, skipped).returncode == 0


def test_a_needed_tier_that_is_not_known_fails(tmp_path: Path) -> None:
    assert tiers(tmp_path, {"one.xml": PASSED.format(tier="pure")}, "clustr").returncode == 1
