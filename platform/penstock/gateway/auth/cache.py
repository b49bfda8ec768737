"""Answers that hold for a time, and for a longer one while no newer can be had. The clock is an argument."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, NamedTuple, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Kept(NamedTuple, Generic[V]):
    """An answer."""

    value: V
    fresh_until: float
    usable_until: float


class Cache(Generic[K, V]):
    """A bounded number of answers; the one that was asked for longest ago makes room."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[K, Kept[V]] = OrderedDict()

    def put(self, key: K, value: V, fresh_until: float, usable_until: float) -> None:
        """Keep an answer.

        Args:
            key: of what was asked.
            value: the answer.
            fresh_until: when it is to be asked for again.
            usable_until: until when it stands in where there is no other.
        """
        self._kept[key] = Kept(value, fresh_until, usable_until)
        self._kept.move_to_end(key)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def drop(self, key: K) -> None:
        """Forget an answer."""
        self._kept.pop(key, None)

    def fresh(self, key: K, now: float) -> V | None:
        """The answer that still holds; None where there is none."""
        kept = self._kept.get(key)
        if kept is None or now >= kept.fresh_until:
            return None
        self._kept.move_to_end(key)
        return kept.value

    def usable(self, key: K, now: float) -> V | None:
        """The answer that may stand in; None where there is none."""
        kept = self._kept.get(key)
        return kept.value if kept is not None and now < kept.usable_until else None
