"""Values that matter, and the restricted Pod Security Standard in code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

CHART = Path(__file__).parents[2] / "charts" / "penstock"
QUICKSTART, PRODUCTION = CHART / "ci" / "quickstart-values.yaml", CHART / "ci" / "production-values.yaml"
SMALLEST = {"artifacts": {"uri": "s3://bucket/prefix"}}


@pytest.fixture(params=["quickstart", "production", "smallest"])
def values(request: pytest.FixtureRequest) -> Path | dict[str, Any]:
    """Each way to install."""
    return {"quickstart": QUICKSTART, "production": PRODUCTION, "smallest": SMALLEST}[request.param]


@pytest.fixture(scope="session")
def quickstart() -> Path:
    return QUICKSTART


@pytest.fixture(scope="session")
def production() -> Path:
    return PRODUCTION


@pytest.fixture(scope="session")
def smallest() -> dict[str, Any]:
    return SMALLEST
