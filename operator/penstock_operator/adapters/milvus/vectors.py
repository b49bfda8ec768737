"""Milvus behind the port. The SDK is imported in the thread that first needs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from penstock.handoff import MilvusConnection
from penstock.stores.milvus.errors import VectorsRefused, VectorsUnreachable
from penstock_operator.adapters.threads import EndpointThreads
from penstock_operator.ports import Refused, Unreachable

T = TypeVar("T")

MARGIN_SECONDS = 20.0
"""On top of the connection's own time-out: the first call also imports the SDK."""


class MilvusVectors:
    """Aliases and collections of any Milvus."""

    def __init__(self) -> None:
        self._threads = EndpointThreads(away=(VectorsUnreachable,))

    async def check(self, connection: MilvusConnection) -> str:
        """The server's version."""

        def work() -> str:
            from penstock.stores.milvus.client import ping

            return ping(connection)

        return await self._call(connection, work)

    async def alias_target(self, connection: MilvusConnection, alias: str) -> str | None:
        """The collection behind an alias."""

        def work() -> str | None:
            from penstock_operator.adapters.milvus.aliases import alias_target

            return alias_target(connection, alias)

        return await self._call(connection, work)

    async def move_alias(self, connection: MilvusConnection, alias: str, collection: str) -> None:
        """Let the alias stand for this collection."""

        def work() -> None:
            from penstock_operator.adapters.milvus.aliases import move_alias

            move_alias(connection, alias, collection)

        await self._call(connection, work)

    async def drop_alias(self, connection: MilvusConnection, alias: str, collection: str) -> None:
        """Remove the alias, where it stands for this collection."""

        def work() -> None:
            from penstock_operator.adapters.milvus.aliases import drop_alias

            drop_alias(connection, alias, collection)

        await self._call(connection, work)

    async def has_collection(self, connection: MilvusConnection, collection: str) -> bool:
        """Whether a collection is there, and loaded or loadable."""

        def work() -> bool:
            from penstock_operator.adapters.milvus.collections import has_collection

            return has_collection(connection, collection)

        return await self._call(connection, work)

    async def drop_collection(self, connection: MilvusConnection, collection: str) -> None:
        """Remove a collection that no alias names."""

        def work() -> None:
            from penstock_operator.adapters.milvus.collections import drop_collection

            drop_collection(connection, collection)

        await self._call(connection, work)

    async def _call(self, connection: MilvusConnection, work: Callable[[], T]) -> T:
        try:
            limit = connection.timeout_seconds + MARGIN_SECONDS
            return await self._threads.run(f"Milvus at {connection.uri}", work, limit)
        except VectorsUnreachable as error:
            raise Unreachable(str(error)) from error
        except VectorsRefused as error:
            raise Refused(str(error)) from error
