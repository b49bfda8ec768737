"""Perform what the plan of a Materialization asks for."""

from __future__ import annotations

import json
from typing import assert_never

from penstock.api.materialization import Materialization
from penstock_operator.materialization.observed import Action, Create, Delete, ForgetPointer, RecordPointer
from penstock_operator.ports import Conflict, World


class Converger:
    """Makes and deletes StagedRuns, and keeps a copy of the pointer."""

    def __init__(self, world: World) -> None:
        self.cluster, self.artifacts = world.cluster, world.artifacts

    async def converge(self, mat: Materialization, action: Action) -> None:
        """Perform one action; a repetition changes nothing."""
        match action:
            case Create(obj):
                await self._create(obj)
            case Delete(name, uid):
                await self._delete(mat, name, uid)
            case RecordPointer(uri, document, _):
                await self.artifacts.put(uri, json.dumps(document, indent=1).encode())
            case ForgetPointer(uri):
                await self.artifacts.delete(uri)
            case _:
                assert_never(action)

    async def _create(self, obj: dict[str, object]) -> None:
        try:
            await self.cluster.create(obj)
        except Conflict:
            # It is there by now: the next pass, which reads it, decides.
            return

    async def _delete(self, mat: Materialization, name: str, uid: str) -> None:
        obj = await self.cluster.get("StagedRun", mat.metadata.namespace, name)
        if obj is not None and obj["metadata"]["uid"] == uid:
            await self.cluster.delete(obj)
