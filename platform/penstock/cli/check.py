"""One check of `penstock doctor`."""

from __future__ import annotations

from typing import NamedTuple


class Check(NamedTuple):
    """What was checked, and what to do if it failed."""

    passed: bool
    text: str
    remedy: str = ""
