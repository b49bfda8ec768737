"""The script by which CI proves that each tier ran."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / ".ci" / "tiers.py"
CASE = '<testcase file="tests/{tier}/topic/test_it.py" name="{name}">{inside}</testcase>'


def run(folder: Path, cases: list[tuple[str, str]], *needed: str) -> subprocess.CompletedProcess[str]:
    lines = [CASE.format(tier=tier, name=number, inside=inside) for number, (tier, inside) in enumerate(cases)]
    report = folder / "junit.xml"
    report.write_text(f"<testsuites><testsuite>{''.join(lines)}</testsuite></testsuites>")
    command = [sys.executable, SCRIPT, report, *needed]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_tiers_that_ran_whole_pass(tmp_path: Path) -> None:
    answer = run(tmp_path, [("pure", ""), ("pure", ""), ("apiserver", "<skipped/>")], "pure")
    assert answer.returncode == 0
    assert "pure: 2 passed, 0 failed, 0 skipped" in answer.stdout
    assert "apiserver: 0 passed, 0 failed, 1 skipped" in answer.stdout


@pytest.mark.parametrize("inside", ["<skipped/>", "<failure/>", "<error/>"])
def test_tier_that_did_not_run_whole_fails(tmp_path: Path, inside: str) -> None:
    answer = run(tmp_path, [("apiserver", ""), ("apiserver", inside)], "apiserver")
    assert answer.returncode == 1
    assert "did not: apiserver" in answer.stdout


def test_tier_without_tests_fails(tmp_path: Path) -> None:
    assert run(tmp_path, [("pure", "")], "pure", "e2e").returncode == 1
