"""`tiers.py JUNIT_XML... TIER...`: how many tests of each tier ran; fails when one named here did not run whole."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from collections import Counter, defaultdict
from itertools import chain

ALL = ("pure", "chart", "parts", "apiserver", "e2e", "cluster")


def count(reports: list[str]) -> dict[str, Counter[str]]:
    """Tests by tier (the folder under tests/) and by outcome."""
    tiers: dict[str, Counter[str]] = defaultdict(Counter)
    for case in chain.from_iterable(ET.parse(path).iter("testcase") for path in reports):  # noqa: S314 - our pytest's
        parts = case.get("file", "").split("/")
        tier = parts[1] if len(parts) > 2 and parts[0] == "tests" else "other"
        outcomes = [child.tag for child in case if child.tag in ("failure", "error", "skipped")]
        tiers[tier][outcomes[0] if outcomes else "passed"] += 1
    return tiers


def main(*words: str) -> int:
    """Print a line for each tier and return the exit code."""
    reports = [word for word in words if word.endswith(".xml")]
    needed = set(words) - set(reports)
    tiers = count(reports)
    wrong = []
    for tier in (*ALL, *sorted((tiers.keys() | needed) - set(ALL))):
        outcomes = tiers.get(tier, Counter())
        failed = outcomes["failure"] + outcomes["error"]
        print(f"{tier}: {outcomes['passed']} passed, {failed} failed, {outcomes['skipped']} skipped")  # noqa: T201
        if tier in needed and (not outcomes["passed"] or failed or outcomes["skipped"]):
            wrong.append(tier)
    if wrong:
        print(f"These tiers had to run whole and did not: {', '.join(wrong)}")  # noqa: T201
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
