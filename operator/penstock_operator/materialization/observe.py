"""Gather what a Materialization's plan needs; reads only."""

from __future__ import annotations

from typing import TypeVar

from penstock.api import Resource
from penstock.api.materialization import Materialization, RunRecord, RunState
from penstock.api.stores import FeatureStore, VectorStore
from penstock.api.trainingjob import TrainingJob
from penstock.api.views import FeatureView, VectorCollection
from penstock.handoff import StagingReport
from penstock.rundir.errors import ReportInvalid
from penstock.secrets import MissingSecret
from penstock_operator.loop.conditions import find, is_true
from penstock_operator.loop.parse import parse
from penstock_operator.materialization.forgetting import surplus
from penstock_operator.materialization.observed import Observed, Targets
from penstock_operator.ports import RayJob, Refused, Unreachable, World

K = TypeVar("K", bound=Resource)


class Observer:
    """Reads around a Materialization."""

    def __init__(self, world: World) -> None:
        self.cluster, self.rays, self.artifacts = world.cluster, world.rays, world.artifacts
        self.installation = world.installation

    async def observe(self, mat: Materialization) -> Observed:
        """What is."""
        namespace = mat.metadata.namespace
        job = await self._get(TrainingJob, namespace, mat.spec.training_job_ref.name)
        targets = await self._targets(mat)
        record = next((r for r in mat.status.runs if r.state is RunState.STAGING and r.submission_id), None)
        session, ray_error, staging = await self._ray(mat, record)
        report, report_error = await self._report(record)
        failed = staging is not None and staging.state.terminal and report is None
        return Observed(
            artifacts=self.installation.artifacts,
            job=job,
            targets=targets,
            missing=_missing(mat, job, targets),
            not_ready=_not_ready(targets),
            session=session,
            ray_error=ray_error,
            staging=staging,
            report=report,
            report_error=report_error,
            log_tail=await self._log_tail(mat, record) if failed and record is not None else "",
            progress=await self._progress(record),
            ended=await self._ended(mat) if session is not None else frozenset(),
        )

    async def _get(self, kind: type[K], namespace: str, name: str) -> K | None:
        obj = await self.cluster.get(kind.__name__, namespace, name)
        return parse(kind, obj) if obj is not None else None

    async def _targets(self, mat: Materialization) -> Targets:
        namespace, targets = mat.metadata.namespace, Targets()
        for mapping in mat.spec.features:
            view = await self._get(FeatureView, namespace, mapping.feature_view_ref.name)
            if view is not None:
                targets.views[view.metadata.name] = view
        for vectors in mat.spec.vectors:
            collection = await self._get(VectorCollection, namespace, vectors.vector_collection_ref.name)
            if collection is not None:
                targets.collections[collection.metadata.name] = collection
        for name in {view.spec.store_ref.name for view in targets.views.values()}:
            if (features := await self._get(FeatureStore, namespace, name)) is not None:
                targets.feature_stores[name] = features
        for name in {collection.spec.store_ref.name for collection in targets.collections.values()}:
            if (store := await self._get(VectorStore, namespace, name)) is not None:
                targets.vector_stores[name] = store
        return targets

    async def _ray(self, mat: Materialization, record: RunRecord | None) -> tuple[str | None, str, RayJob | None]:
        try:
            ray = await self.rays.ray_of(mat)
            session = await ray.session()
            return session, "", await ray.job(record.submission_id) if record is not None else None
        except (Unreachable, Refused, MissingSecret) as error:
            return None, str(error), None

    async def _ended(self, mat: Materialization) -> frozenset[str]:
        listed = surplus(mat.status) if mat.metadata.deletion_timestamp is None else mat.status.ended
        try:
            ray = await self.rays.ray_of(mat)
            jobs = {one: await ray.job(one) for one in listed}
        except (Unreachable, Refused, MissingSecret):
            return frozenset()
        return frozenset(one for one, job in jobs.items() if job is None or job.state.terminal)

    async def _report(self, record: RunRecord | None) -> tuple[StagingReport | None, str]:
        try:
            return await self.artifacts.report(record.stage_uri) if record is not None else None, ""
        except ReportInvalid as error:
            return None, str(error)

    async def _log_tail(self, mat: Materialization, record: RunRecord) -> str:
        try:
            return await (await self.rays.ray_of(mat)).logs(record.submission_id)
        except (Unreachable, Refused, MissingSecret):
            return ""

    async def _progress(self, record: RunRecord | None) -> str:
        progress = await self.artifacts.progress(record.stage_uri) if record is not None else None
        return f": {progress.step}/{progress.total}" if progress is not None and progress.total else ""


def _missing(mat: Materialization, job: TrainingJob | None, targets: Targets) -> str:
    """What the spec names and is not there, with the field that names it."""
    if job is None:
        return f"spec.trainingJobRef: TrainingJob {mat.spec.training_job_ref.name!r} does not exist: create it"
    for i, mapping in enumerate(mat.spec.features):
        name = mapping.feature_view_ref.name
        if (view := targets.views.get(name)) is None:
            return f"spec.features[{i}].featureViewRef: FeatureView {name!r} does not exist: create it"
        if view.spec.store_ref.name not in targets.feature_stores:
            return f"FeatureView {name!r}: spec.storeRef: FeatureStore {view.spec.store_ref.name!r} does not exist"
    for i, vectors in enumerate(mat.spec.vectors):
        name = vectors.vector_collection_ref.name
        if (collection := targets.collections.get(name)) is None:
            return f"spec.vectors[{i}].vectorCollectionRef: VectorCollection {name!r} does not exist: create it"
        if collection.spec.store_ref.name not in targets.vector_stores:
            store = collection.spec.store_ref.name
            return f"VectorCollection {name!r}: spec.storeRef: VectorStore {store!r} does not exist"
    return ""


def _not_ready(targets: Targets) -> str:
    stores: list[FeatureStore | VectorStore] = [*targets.feature_stores.values(), *targets.vector_stores.values()]
    for store in stores:
        if not is_true(store.status.conditions, "Ready"):
            condition = find(store.status.conditions, "Ready")
            why = f"{condition.reason}: {condition.message}" if condition is not None else "not looked at yet"
            return f"{store.kind} {store.metadata.name!r} is not ready ({why})"
    return ""
