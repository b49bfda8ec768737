"""How often a caller may ask: a token bucket each (https://en.wikipedia.org/wiki/Token_bucket)."""

from __future__ import annotations

from collections import OrderedDict

MOST = 10_000
"""Callers that are remembered; one that was forgotten begins anew with a full bucket."""


class Buckets:
    """A bucket for each caller.

    Args:
        rate: queries a second that flow in.
        burst: queries that a bucket holds.
    """

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str, now: float) -> float:
        """Take one query out of the caller's bucket.

        Args:
            caller: the name.
            now: seconds of a clock that does not go back.

        Returns:
            0, or the seconds until there is one to take.
        """
        level, then = self._buckets.get(caller, (self._burst, now))
        level = min(self._burst, level + (now - then) * self._rate)
        wait = 0.0 if level >= 1 else (1 - level) / self._rate
        self._buckets[caller] = (level - 1 if wait == 0 else level, now)
        self._buckets.move_to_end(caller)
        while len(self._buckets) > MOST:
            self._buckets.popitem(last=False)
        return wait
