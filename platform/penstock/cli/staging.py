"""Follows a Materialization and the StagedRun of its newest run, side by side."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from typing import TYPE_CHECKING

import anyio

from penstock.api import Materialization, StagedRun
from penstock.client.errors import WaitFailed

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from penstock.client import AsyncClient

OnChange = Callable[[Materialization, StagedRun | None], bool]


class Staging:
    """One Materialization, looked at upon each change of it or of what it stages."""

    def __init__(self, client: AsyncClient, name: str, namespace: str, on_change: OnChange) -> None:
        """Watch nothing yet.

        Args:
            client: that watches.
            name: of the Materialization.
            namespace: of both.
            on_change: is given the two as they are; whether that was the end.
        """
        self._client, self._name, self._namespace, self._on_change = client, name, namespace, on_change
        self._staged: StagedRun | None = None
        self._scope = anyio.CancelScope()

    async def follow(self) -> None:
        """Follow until `on_change` says that it was the end.

        Raises:
            WaitFailed: the Materialization was deleted.
        """
        async with anyio.create_task_group() as group:
            watched: str | None = None
            async with aclosing(self._client.watch(Materialization, self._name, namespace=self._namespace)) as changes:
                async for change in changes:
                    if change.type == "DELETED":
                        raise WaitFailed(f"materialization/{self._name} was deleted")
                    self._mat = change.resource
                    latest = self._mat.status.latest
                    name = latest.staged_run_ref.name if latest is not None else None
                    if name != watched:
                        watched = name
                        self._watch_another(group, name)
                    if self._on_change(self._mat, self._staged):
                        break
            group.cancel_scope.cancel()

    def _watch_another(self, group: TaskGroup, name: str | None) -> None:
        """Follow another StagedRun than before; None follows none."""
        self._scope.cancel()
        self._staged, self._scope = None, anyio.CancelScope()
        if name is not None:
            group.start_soon(self._follow_staged, name, self._scope)

    async def _follow_staged(self, name: str, scope: anyio.CancelScope) -> None:
        with scope:
            async with aclosing(self._client.watch(StagedRun, name, namespace=self._namespace)) as changes:
                async for change in changes:
                    self._staged = change.resource if change.type != "DELETED" else None
                    self._on_change(self._mat, self._staged)
