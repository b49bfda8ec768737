"""Gather what a StagedRun's plan needs; reads only."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from penstock.api import Resource
from penstock.api.materialization import Materialization
from penstock.api.meta import DeletionPolicy
from penstock.api.stagedrun import StagedKind, StagedOutput, StagedRun, StagingState
from penstock.api.stores import FeatureStore, VectorStore
from penstock.api.views import FeatureView, VectorCollection
from penstock.naming import stage_uri
from penstock.rundir.errors import ReportInvalid
from penstock_operator.adapters.connections import Connections
from penstock_operator.loop.away import Away, or_away
from penstock_operator.loop.conditions import find, is_true
from penstock_operator.loop.parse import parse
from penstock_operator.ports import World
from penstock_operator.stagedrun.keptas import kept_as
from penstock_operator.stagedrun.observed import Finding, Observed, RaySeen, Stores

K = TypeVar("K", bound=Resource)
RESOURCES: dict[StagedKind, type[FeatureView] | type[VectorCollection]] = {
    "Features": FeatureView,
    "Embeddings": VectorCollection,
}


class Observer:
    """Reads around a StagedRun."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.connections = Connections.over(world)

    async def observe(self, staged: StagedRun) -> Observed:
        """What is."""
        mat = await self._materialization(staged)
        stores = await self._stores(staged)
        wanted = staged.status.state in (StagingState.PENDING, StagingState.STAGING)
        deleted = staged.metadata.deletion_timestamp is not None
        asks = wanted or (deleted and staged.status.latest_try is not None)
        ray = await or_away(self._ray(staged)) if asks else Away("Ray was not asked")
        # Read after Ray was asked: of a job that has ended the report is there, or never comes.
        finding = await or_away(self._finding(staged)) if asks and staged.status.latest_try else Finding()
        return Observed(
            materialization=mat,
            stores=stores,
            ray=await self._with_log(staged, ray, finding),
            finding=finding,
            policies=await self._policies(staged),
            lost=() if kept_as(staged, mat) is None else await self._lost(staged, stores),
        )

    async def _get(self, kind: type[K], namespace: str, name: str) -> K | None:
        obj = await self.world.cluster.get(kind.__name__, namespace, name)
        return parse(kind, obj) if obj is not None else None

    async def _materialization(self, staged: StagedRun) -> Materialization | None:
        ref = staged.spec.materialization_ref
        mat = await self._get(Materialization, staged.metadata.namespace, ref.name)
        return mat if mat is not None and mat.metadata.uid == ref.uid else None

    async def _stores(self, staged: StagedRun) -> Stores:
        namespace = staged.metadata.namespace
        features: dict[str, FeatureStore] = {}
        vectors: dict[str, VectorStore] = {}
        for name in sorted({view.store_ref.name for view in staged.spec.features}):
            if (features_store := await self._get(FeatureStore, namespace, name)) is None:
                return Stores(missing=f"FeatureStore {name!r} does not exist: create it")
            features[name] = features_store
        for name in sorted({collection.store_ref.name for collection in staged.spec.vectors}):
            if (vector_store := await self._get(VectorStore, namespace, name)) is None:
                return Stores(features, missing=f"VectorStore {name!r} does not exist: create it")
            vectors[name] = vector_store
        return Stores(features, vectors, not_ready=_not_ready([*features.values(), *vectors.values()]))

    async def _ray(self, staged: StagedRun) -> RaySeen:
        ray = await self.world.rays.ray_of(staged)
        session, latest = await ray.session(), staged.status.latest_try
        return RaySeen(session, await ray.job(latest.submission_id) if latest is not None else None)

    async def _with_log(self, staged: StagedRun, ray: RaySeen | Away, finding: Finding | Away) -> RaySeen | Away:
        """With the end of the log of a job that has ended and left no report."""
        if isinstance(ray, Away) or ray.job is None or not ray.job.state.terminal:
            return ray
        if isinstance(finding, Finding) and finding.report is not None:
            return ray
        tail = await or_away(self._log_tail(staged, ray.job.submission_id))
        return ray if isinstance(tail, Away) else replace(ray, log_tail=tail)

    async def _log_tail(self, staged: StagedRun, submission_id: str) -> str:
        return await (await self.world.rays.ray_of(staged)).logs(submission_id)

    async def _finding(self, staged: StagedRun) -> Finding:
        where = stage_uri(staged.spec.uri, staged.metadata.uid)
        try:
            report = await self.world.artifacts.report(where)
        except ReportInvalid as error:
            return Finding(corrupt=str(error))
        progress = None if report is not None else await self.world.artifacts.progress(where)
        told = f"{progress.step}/{progress.total}" if progress is not None and progress.total else None
        return Finding(report, progress=told)

    async def _policies(self, staged: StagedRun) -> dict[tuple[StagedKind, str], DeletionPolicy]:
        found: dict[tuple[StagedKind, str], DeletionPolicy] = {}
        for output in staged.status.outputs:
            target = await self._get(RESOURCES[output.kind], staged.metadata.namespace, output.resource)
            if target is not None:
                found[output.kind, output.resource] = target.spec.deletion_policy
        return found

    async def _lost(self, staged: StagedRun, stores: Stores) -> tuple[str, ...]:
        """What is surely not in its store any more: one that does not answer has lost nothing."""
        present = {output.physical: await or_away(self._is_there(output, stores)) for output in staged.status.outputs}
        return tuple(name for name, there in present.items() if there is False)

    async def _is_there(self, output: StagedOutput, stores: Stores) -> bool | Away:
        if output.kind == "Features":
            if (features := stores.features.get(output.store)) is None:
                return Away("its store is not there")
            return await self.world.features.has_view(await self.connections.feast(features), output.physical)
        if (vectors := stores.vectors.get(output.store)) is None:
            return Away("its store is not there")
        return await self.world.vectors.has_collection(await self.connections.milvus(vectors), output.physical)


def _not_ready(stores: list[FeatureStore | VectorStore]) -> str:
    for store in stores:
        if not is_true(store.status.conditions, "Ready"):
            condition = find(store.status.conditions, "Ready")
            why = f"{condition.reason}: {condition.message}" if condition is not None else "not looked at yet"
            return f"{store.kind} {store.metadata.name!r} is not ready ({why})"
    return ""
