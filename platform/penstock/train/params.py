"""Parameters of a run: strings in the spec, typed when read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias, TypeVar

from penstock.train.errors import ParamError

T = TypeVar("T")
Text: TypeAlias = str
"""`str`, which `Params.str` hides inside its class."""

TRUE, FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


class Params(Mapping[str, str]):
    """`spec.params` by name.

    Examples:
        >>> Params({"epochs": "12"}).int("epochs", 3)
        12
        >>> Params({}).float("learning_rate", 0.1)
        0.1
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def str(self, name: Text, default: Text | None = None) -> Text:
        """A parameter as it is.

        Raises:
            ParamError: it is not set, and there is no default.
        """
        return self._read(name, default, lambda text: text, "a string")

    def int(self, name: Text, default: int | None = None) -> int:
        """A parameter as a whole number.

        Raises:
            ParamError: it is not one, or it is not set and there is no default.
        """
        return self._read(name, default, int, "a whole number")

    def float(self, name: Text, default: float | None = None) -> float:
        """A parameter as a number.

        Raises:
            ParamError: it is not one, or it is not set and there is no default.
        """
        return self._read(name, default, float, "a number")

    def bool(self, name: Text, default: bool | None = None) -> bool:
        """A parameter as a truth value: true or false, yes or no, on or off, 1 or 0.

        Raises:
            ParamError: it is none of these, or it is not set and there is no default.
        """

        def convert(text: Text) -> bool:
            if text.lower() not in TRUE + FALSE:
                raise ValueError(text)
            return text.lower() in TRUE

        return self._read(name, default, convert, "true or false")

    def _read(self, name: Text, default: T | None, convert: Callable[[Text], T], what: Text) -> T:
        if name not in self._values:
            if default is None:
                raise ParamError(f"Parameter {name!r} is not set: add it to spec.params")
            return default
        try:
            return convert(self._values[name])
        except ValueError:
            raise ParamError(f"Parameter {name!r} is {self._values[name]!r}, which is not {what}") from None
