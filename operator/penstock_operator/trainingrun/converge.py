"""Perform what the plan of a TrainingRun asks for."""

from __future__ import annotations

from typing import assert_never

from penstock.api import TrainingRun
from penstock_operator.ports import Refused, Unreachable, World
from penstock_operator.trainingrun.observed import Action, DeleteItself, RemoveFiles


class Converger:
    """Acts on the object and its run directory."""

    def __init__(self, world: World) -> None:
        self.cluster, self.artifacts = world.cluster, world.artifacts

    async def converge(self, run: TrainingRun, action: Action) -> None:
        """Perform one action; a repetition changes nothing."""
        match action:
            case DeleteItself():
                await self.cluster.delete(
                    {
                        "apiVersion": run.api_version,
                        "kind": run.kind,
                        "metadata": {
                            "namespace": run.metadata.namespace,
                            "name": run.metadata.name,
                            "uid": run.metadata.uid,
                        },
                    }
                )
            case RemoveFiles():
                await self._remove(run.spec.uri)
            case _:
                assert_never(action)

    async def _remove(self, uri: str) -> None:
        try:
            await self.artifacts.delete(uri)
        except Unreachable as error:
            raise Unreachable(f"Run directory {uri} is not removed: {error}") from error
        except Refused as error:
            raise Refused(f"Run directory {uri} is not removed: {error}") from error
