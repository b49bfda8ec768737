"""Perform what the plan of a Materialization asks for."""

from __future__ import annotations

from penstock.api.materialization import Materialization, RunRecord, StagedOutput
from penstock.api.stores import FeatureStore, VectorStore
from penstock.naming import identifier
from penstock_operator.adapters.connections import Connections
from penstock_operator.loop.parse import parse
from penstock_operator.materialization.observed import Drop, DropRun, Forget, Stage, StopStaging, Targets
from penstock_operator.materialization.submission import staging_submission
from penstock_operator.ports import World

Action = Stage | StopStaging | Forget | Drop | DropRun


class Converger:
    """Acts on Ray, the stores and the run directories."""

    def __init__(self, world: World) -> None:
        self.cluster, self.rays, self.artifacts = world.cluster, world.rays, world.artifacts
        self.features, self.vectors, self.installation = world.features, world.vectors, world.installation

    async def converge(self, mat: Materialization, action: Action) -> None:
        """Perform one action; a repetition changes nothing."""
        match action:
            case Stage(record, targets):
                await self._stage(mat, record, targets)
            case StopStaging(submission_id):
                await (await self.rays.ray_of(mat)).stop(submission_id)
            case Forget(submission_id):
                await (await self.rays.ray_of(mat)).delete(submission_id)
            case Drop(output, public) if output.kind == "Features":
                await self._drop_view(mat, output, public)
            case Drop(output, public):
                await self._drop_collection(mat, output, public)
            case DropRun(uri):
                await self.artifacts.delete(uri)

    async def _stage(self, mat: Materialization, record: RunRecord, targets: Targets) -> None:
        submission = staging_submission(mat, record, targets, self.installation)
        await (await self.rays.ray_of(mat)).submit(submission)

    async def _drop_view(self, mat: Materialization, output: StagedOutput, public: bool) -> None:
        obj = await self.cluster.get("FeatureStore", mat.metadata.namespace, output.store)
        if obj is None:
            return
        config = await Connections(self.cluster, self.installation).feast(parse(FeatureStore, obj))
        service = identifier(output.resource)
        if public and await self.features.service_view(config, service) == output.physical:
            await self.features.drop_service(config, service)
        await self.features.drop_view(config, output.physical)

    async def _drop_collection(self, mat: Materialization, output: StagedOutput, public: bool) -> None:
        obj = await self.cluster.get("VectorStore", mat.metadata.namespace, output.store)
        if obj is None:
            return
        connection = await Connections(self.cluster, self.installation).milvus(parse(VectorStore, obj))
        alias = identifier(output.resource)
        if public and await self.vectors.alias_target(connection, alias) == output.physical:
            await self.vectors.drop_alias(connection, alias)
        await self.vectors.drop_collection(connection, output.physical)
