"""Gather what a TrainingRun's plan needs; reads only."""

from __future__ import annotations

from collections.abc import Iterable

from penstock.api import TrainingRun
from penstock.api.meta import DeletionPolicy
from penstock.api.stagedrun import KeptAs
from penstock_operator.loop.wire import inner, texts
from penstock_operator.ports import Cluster, Object, World
from penstock_operator.trainingrun.holders import holders
from penstock_operator.trainingrun.observed import Observed


class Observer:
    """Reads around a TrainingRun."""

    def __init__(self, world: World) -> None:
        self.cluster: Cluster = world.cluster

    async def observe(self, run: TrainingRun) -> Observed:
        """What is."""
        meta = run.metadata
        held = await holders(
            self.cluster, {"metadata": {"namespace": meta.namespace, "name": meta.name, "uid": meta.uid}}
        )
        kept = [one for one in held if inner(one, "status", "keptAs") is not None]
        serving = [one for one in kept if inner(one, "status", "keptAs") == KeptAs.ACTIVE]
        job = await self.cluster.get("TrainingJob", meta.namespace, run.spec.training_job_ref.name)
        if job is not None and job["metadata"]["uid"] != run.spec.training_job_ref.uid:
            job = None
        return Observed(
            staged_by=tuple(sorted({one["metadata"]["name"] for one in held})),
            served_by=_materializations(serving),
            kept_by=_materializations(kept),
            orphaned=job is None or "deletionTimestamp" in job["metadata"],
            deletion_policy=run.spec.deletion_policy if job is None else _policy(job),
        )


def _materializations(staged: Iterable[Object]) -> tuple[str, ...]:
    return tuple(sorted({name for one in staged for name in texts(inner(one, "spec", "materializationRef", "name"))}))


def _policy(job: Object) -> DeletionPolicy:
    """What the job asks for now; its run may not have been told yet."""
    asked = inner(job, "spec", "deletionPolicy")
    return DeletionPolicy.RETAIN if asked == DeletionPolicy.RETAIN else DeletionPolicy.DELETE
