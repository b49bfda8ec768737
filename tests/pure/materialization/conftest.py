from __future__ import annotations

import pytest
from staging_house import House


@pytest.fixture
def house() -> House:
    """Before the first training."""
    return House()
