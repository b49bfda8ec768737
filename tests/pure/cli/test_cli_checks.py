"""Checks of `penstock doctor` that need nobody to ask."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.cli.cluster import artifacts


@pytest.mark.parametrize("installation", [{}, {"artifacts": ""}, {"artifacts": "var/lib/penstock"}])
async def test_artifacts_at_no_uri_are_told_and_not_looked_for_on_this_machine(
    installation: dict[str, Any], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = await artifacts(installation)
    assert not found.passed
    assert "does not say where artifacts are" in found.text
    assert list(tmp_path.iterdir()) == []
