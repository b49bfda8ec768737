"""Amounts as Kubernetes writes them.

https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

Quantity = Annotated[str, StringConstraints(max_length=32, pattern=r"^[0-9]+(\.[0-9]+)?(k|[KMGTPE]i|[MGTPE]|m)?$")]
"""As Kubernetes writes a quantity, without its exponents."""

UNITS = {"": 1, "m": 1e-3}
UNITS |= {letter: 1000**power for power, letter in enumerate("kMGTPE", start=1)}
UNITS |= {f"{letter}i": 1024**power for power, letter in enumerate("KMGTPE", start=1)}


def whole(quantity: Quantity) -> int:
    """The amount, rounded down: of memory the bytes."""
    number = quantity.rstrip("EPTGMKkim")
    return int(float(number) * UNITS[quantity[len(number) :]])
