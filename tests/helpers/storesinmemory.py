"""A Feast and a Milvus in memory, as the reconcilers' ports see them: public names, and whether the store answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from penstock_operator.ports import Unreachable


@dataclass
class StoreInMemory:
    """Public names of one store, whichever kind it is of."""

    names: dict[str, str] = field(default_factory=dict)
    projects: set[str] = field(default_factory=lambda: {"demo"})
    away: bool = False
    asked: list[Any] = field(default_factory=list)
    """How it was reached, at each call."""

    async def check(self, where: Any) -> str:
        self._ask(where)
        return "1"

    async def service_view(self, where: Any, public: str) -> str | None:
        self._ask(where)
        return self.names.get(public)

    async def point_service(self, where: Any, public: str, physical: str) -> None:
        self._ask(where)
        self.names[public] = physical

    async def drop_service(self, where: Any, public: str, physical: str) -> None:
        self._ask(where)
        if self.names.get(public) == physical:
            del self.names[public]

    async def drop_project(self, where: Any) -> None:
        self._ask(where)
        self.projects.discard(where["project"])

    alias_target, move_alias, drop_alias = service_view, point_service, drop_service

    def _ask(self, where: Any) -> None:
        self.asked.append(where)
        if self.away:
            raise Unreachable("The store did not answer")
