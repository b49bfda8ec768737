"""Answers that hold for a time, and for a longer one while no newer can be had. The clock is an argument."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, NamedTuple, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class CachedAnswer(NamedTuple, Generic[V]):
    """An answer."""

    value: V
    fresh_until: float
    usable_until: float


class Cache(Generic[K, V]):
    """A bounded number of answers; the one that was asked for longest ago makes room."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._answers: OrderedDict[K, CachedAnswer[V]] = OrderedDict()

    def put(self, key: K, value: V, fresh_until: float, usable_until: float) -> None:
        """Keep an answer.

        Args:
            key: of what was asked.
            value: the answer.
            fresh_until: when it is to be asked for again.
            usable_until: until when it stands in where there is no other.
        """
        self._answers[key] = CachedAnswer(value, fresh_until, usable_until)
        self._answers.move_to_end(key)
        while len(self._answers) > self._most:
            self._answers.popitem(last=False)

    def drop(self, key: K) -> None:
        """Forget an answer."""
        self._answers.pop(key, None)

    def fresh(self, key: K, now: float) -> V | None:
        """The answer that still holds; None where there is none."""
        answer = self._answers.get(key)
        if answer is None or now >= answer.fresh_until:
            return None
        self._answers.move_to_end(key)
        return answer.value

    def usable(self, key: K, now: float) -> V | None:
        """The answer that may stand in; None where there is none."""
        answer = self._answers.get(key)
        return answer.value if answer is not None and now < answer.usable_until else None
