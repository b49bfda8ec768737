"""Gather what a Materialization's plan needs; reads only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from penstock.api import Resource
from penstock.api.materialization import Materialization
from penstock.api.stagedrun import StagedRun
from penstock.api.trainingjob import TrainingJob
from penstock.api.trainingrun import TrainingRun
from penstock.api.views import FeatureView, VectorCollection
from penstock_operator import references
from penstock_operator.loop.away import or_away
from penstock_operator.loop.parse import parse
from penstock_operator.materialization.observed import Observed, Targets
from penstock_operator.ports import World
from penstock_operator.publicnames.feeders import feeders_of, holder

K = TypeVar("K", bound=Resource)


class Observer:
    """Reads around a Materialization: objects, and what the gateways say."""

    def __init__(self, world: World) -> None:
        self.cluster, self.installation, self.gateways = world.cluster, world.installation, world.gateways

    async def observe(self, mat: Materialization) -> Observed:
        """What is."""
        job = await self._get(TrainingJob, mat.metadata.namespace, mat.spec.training_job_ref.name)
        targets = await self._targets(mat)
        runs = await self._runs(mat, job)
        found = await self._staged(mat)
        own = [one for one in found if one.spec.materialization_ref.uid == mat.metadata.uid]
        order = {run.metadata.name: number for number, run in enumerate(runs)}
        return Observed(
            artifacts=self.installation.artifacts,
            job=job,
            runs=runs,
            staged=sorted(own, key=lambda one: (order.get(one.spec.training_run_ref.name, -1), _age(one))),
            occupied=frozenset(one.metadata.name for one in found if one not in own),
            targets=targets,
            missing=_missing(mat, job, targets),
            replicas=await or_away(self.gateways.heartbeats()),
            conflict=await self._conflict(mat),
        )

    async def _get(self, kind: type[K], namespace: str, name: str) -> K | None:
        obj = await self.cluster.get(kind.__name__, namespace, name)
        return parse(kind, obj) if obj is not None else None

    async def _named(self, kind: type[K], namespace: str, names: Iterable[str]) -> dict[str, K]:
        found = {name: await self._get(kind, namespace, name) for name in sorted(names)}
        return {name: one for name, one in found.items() if one is not None}

    async def _runs(self, mat: Materialization, job: TrainingJob | None) -> list[TrainingRun]:
        if job is None:
            return []
        namespace, name = mat.metadata.namespace, job.metadata.name
        found = await self.cluster.referring("TrainingRun", namespace, references.training_job, name)
        runs = [parse(TrainingRun, obj) for obj in found]
        mine = [run for run in runs if run.spec.training_job_ref.uid == job.metadata.uid]
        return sorted(mine, key=lambda run: (run.spec.created_at, run.spec.attempt))

    async def _staged(self, mat: Materialization) -> list[StagedRun]:
        namespace, name = mat.metadata.namespace, mat.metadata.name
        found = await self.cluster.referring("StagedRun", namespace, references.materialization, name)
        return [parse(StagedRun, obj) for obj in found]

    async def _targets(self, mat: Materialization) -> Targets:
        namespace = mat.metadata.namespace
        views = {one.feature_view_ref.name for one in mat.spec.features}
        collections = {one.vector_collection_ref.name for one in mat.spec.vectors}
        return Targets(
            await self._named(FeatureView, namespace, views),
            await self._named(VectorCollection, namespace, collections),
        )

    async def _conflict(self, mat: Materialization) -> str:
        """The older Materialization that feeds a view or collection of this one."""
        namespace = mat.metadata.namespace
        named = [("FeatureView", one.feature_view_ref.name, references.feature_views) for one in mat.spec.features]
        named += [
            ("VectorCollection", one.vector_collection_ref.name, references.vector_collections)
            for one in mat.spec.vectors
        ]
        for kind, name, refer in named:
            feeders = await feeders_of(self.cluster, namespace, name, refer)
            first = holder(feeders)
            if first is not None and first.metadata.uid != mat.metadata.uid:
                return f"Materialization {first.metadata.name!r}, which is older, feeds {kind} {name!r}"
        return ""


def _age(staged: StagedRun) -> str:
    made = staged.metadata.creation_timestamp
    return made.isoformat() if made is not None else ""


def _missing(mat: Materialization, job: TrainingJob | None, targets: Targets) -> str:
    """What the spec names and is not there, with the field that names it."""
    if job is None:
        return f"spec.trainingJobRef: TrainingJob {mat.spec.training_job_ref.name!r} does not exist: create it"
    for i, mapping in enumerate(mat.spec.features):
        if (name := mapping.feature_view_ref.name) not in targets.views:
            return f"spec.features[{i}].featureViewRef: FeatureView {name!r} does not exist: create it"
    for i, vectors in enumerate(mat.spec.vectors):
        if (name := vectors.vector_collection_ref.name) not in targets.collections:
            return f"spec.vectors[{i}].vectorCollectionRef: VectorCollection {name!r} does not exist: create it"
    return ""
