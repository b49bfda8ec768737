"""Amounts as Kubernetes writes them: `500m` CPUs, `4Gi` of memory; and decimal numbers, which a spec keeps as strings.

https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, ValidationInfo

CANONICAL: Mapping[str, bool] = {"canonical": True}
"""The context to validate a spec in whose amounts are to be told apart by their value, and not by its spelling."""
INT_OR_STRING = "x-kubernetes-int-or-string"


def _canonical(form: Callable[[str], str]) -> AfterValidator:
    """Brings a text into its one form, where that is asked for; a spec that is stored stays as it was written."""

    def in_form(text: str, info: ValidationInfo) -> str:
        return form(text) if info.context is not None and info.context.get("canonical") else text

    return AfterValidator(in_form)


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Cpus = Annotated[
    str,
    StringConstraints(max_length=16, pattern=r"^([0-9]{1,4}(\.[0-9]{1,3})?|[0-9]{1,7}m)$"),
    BeforeValidator(_as_text),
    Field(json_schema_extra={INT_OR_STRING: True, "minimum": 0, "maximum": 9999}),
    _canonical(lambda text: as_cpus(cores(text))),
]
"""CPUs, to the thousandth: 2, "0.5" or "500m"."""

Memory = Annotated[
    str,
    StringConstraints(max_length=32, pattern=r"^[0-9]+(\.[0-9]+)?(k|[KMGTPE]i|[MGTPE])?$"),
    BeforeValidator(_as_text),
    Field(json_schema_extra={INT_OR_STRING: True, "minimum": 0}),
    _canonical(lambda text: str(whole_bytes(text))),
]
"""Bytes, by any unit but thousandths of one."""

DECIMAL = _canonical(lambda text: repr(number(text) + 0.0).removesuffix(".0"))

Number = Annotated[str, StringConstraints(max_length=32, pattern=r"^-?[0-9]+(\.[0-9]+)?$"), DECIMAL]
"""A decimal number."""

Positive = Annotated[str, StringConstraints(max_length=32, pattern=r"^[0-9]+(\.[0-9]+)?$"), DECIMAL]
"""A decimal number that is not negative."""

Share = Annotated[
    str,
    StringConstraints(max_length=16, pattern=r"^(0(\.[0-9]+)?|1(\.0+)?|[0-9]{1,2}(\.[0-9]+)?%|100(\.0+)?%)$"),
    DECIMAL,
]
"""A share of a whole: "0.995", or "99.5%"."""

Distance = Annotated[str, StringConstraints(max_length=16, pattern=r"^([01](\.[0-9]+)?|2(\.0+)?)$"), DECIMAL]
"""A cosine distance: 0 to 2."""

UNITS = {"": 1}
UNITS |= {letter: 1000**power for power, letter in enumerate("kMGTPE", start=1)}
UNITS |= {f"{letter}i": 1024**power for power, letter in enumerate("KMGTPE", start=1)}


def number(text: str) -> float:
    """The value of a decimal number or of a percentage.

    Examples:
        >>> number("-0.25"), number("99.5%")
        (-0.25, 0.995)
    """
    return float(Decimal(text.removesuffix("%")) / 100) if text.endswith("%") else float(text)


def cores(cpus: Cpus) -> float:
    """The CPUs as a number.

    Examples:
        >>> cores("500m"), cores("2")
        (0.5, 2.0)
    """
    return int(cpus.removesuffix("m")) / 1000 if cpus.endswith("m") else float(cpus)


def as_cpus(amount: float) -> Cpus:
    """A number of CPUs as Kubernetes writes it.

    Examples:
        >>> as_cpus(0.5), as_cpus(2.0)
        ('500m', '2')
    """
    return str(int(amount)) if amount == int(amount) else f"{round(amount * 1000)}m"


def whole_bytes(memory: Memory) -> int:
    """The bytes, rounded down.

    Examples:
        >>> whole_bytes("1.5Ki")
        1536
    """
    digits = memory.rstrip("EPTGMKki")
    return int(Decimal(digits) * UNITS[memory[len(digits) :]])
