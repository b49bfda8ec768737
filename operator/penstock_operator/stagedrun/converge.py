"""Perform what the plan of a StagedRun asks for."""

from __future__ import annotations

from typing import assert_never

from penstock.api.stagedrun import StagedOutput, StagedRun
from penstock.api.stores import FeatureStore, VectorStore
from penstock.naming import identifier, stage_uri
from penstock_operator.adapters.connections import Connections
from penstock_operator.loop.parse import parse
from penstock_operator.ports import World
from penstock_operator.rayactions import Forget, Stop
from penstock_operator.stagedrun.observed import Action, Drop, RemoveFiles, Submit
from penstock_operator.stagedrun.submission import staging_submission


class Converger:
    """Acts on Ray, the stores and the files of a staging."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.connections = Connections.over(world)

    async def converge(self, staged: StagedRun, action: Action) -> None:
        """Perform one action; a repetition changes nothing."""
        match action:
            case Submit():
                await self._submit(staged)
            case Stop(submission_id):
                await (await self.world.rays.ray_of(staged)).stop(submission_id)
            case Forget(submission_id):
                await (await self.world.rays.ray_of(staged)).delete(submission_id)
            case Drop(output, public) if output.kind == "Features":
                await self._drop_view(staged, output, public)
            case Drop(output, public):
                await self._drop_collection(staged, output, public)
            case RemoveFiles():
                await self.world.artifacts.delete(stage_uri(staged.spec.uri, staged.metadata.uid))
            case _:
                assert_never(action)

    async def _submit(self, staged: StagedRun) -> None:
        features = {view.store_ref.name for view in staged.spec.features}
        vectors = {collection.store_ref.name for collection in staged.spec.vectors}
        submission = staging_submission(
            staged,
            {name: one for name in features if (one := await self._feature_store(staged, name)) is not None},
            {name: other for name in vectors if (other := await self._vector_store(staged, name)) is not None},
            self.world.installation,
        )
        await (await self.world.rays.ray_of(staged)).submit(submission)

    async def _drop_view(self, staged: StagedRun, output: StagedOutput, public: bool) -> None:
        store = await self._feature_store(staged, output.store)
        if store is None:
            return
        config = await self.connections.feast(store)
        if public:
            await self.world.features.drop_service(config, identifier(output.resource), output.physical)
        await self.world.features.drop_view(config, output.physical)

    async def _drop_collection(self, staged: StagedRun, output: StagedOutput, public: bool) -> None:
        store = await self._vector_store(staged, output.store)
        if store is None:
            return
        connection = await self.connections.milvus(store)
        if public:
            await self.world.vectors.drop_alias(connection, identifier(output.resource), output.physical)
        await self.world.vectors.drop_collection(connection, output.physical)

    async def _feature_store(self, staged: StagedRun, name: str) -> FeatureStore | None:
        obj = await self.world.cluster.get("FeatureStore", staged.metadata.namespace, name)
        return parse(FeatureStore, obj) if obj is not None else None

    async def _vector_store(self, staged: StagedRun, name: str) -> VectorStore | None:
        obj = await self.world.cluster.get("VectorStore", staged.metadata.namespace, name)
        return parse(VectorStore, obj) if obj is not None else None
