"""What kills a control plane around one of its effects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class Killed(BaseException):
    """The process dies here."""


@dataclass
class Fuse:
    """Kills at the n-th effect from when it is armed, before or after it happens; at none by default."""

    at: int = 0
    after: bool = False
    count: int = 0

    def arm(self, at: int, after: bool) -> None:
        self.at, self.after, self.count = at, after, 0

    def around(self, effect: Callable[[], Any]) -> Any:
        self.count += 1
        if self.count == self.at and not self.after:
            raise Killed
        result = effect()
        if self.count == self.at:
            raise Killed
        return result
