"""Gather what a TrainingJob's plan needs; reads only. What does not answer is away, and the rest is known."""

from __future__ import annotations

from penstock.api.ray import ClusterReuse
from penstock.api.trainingjob import Attempt, TrainingJob
from penstock.naming import run_uri
from penstock.rundir.errors import RunDirError
from penstock.rundir.manifest import Manifest
from penstock.secrets import read_secrets
from penstock_operator import references
from penstock_operator.loop.away import Away, or_away
from penstock_operator.loop.wire import inner
from penstock_operator.ports import JobState, Object, Ray, World
from penstock_operator.training.attempts import config_map, current_attempt, is_complete
from penstock_operator.training.leftovers import FRUITLESS, remembered
from penstock_operator.training.observed import NOT_ASKED, Broken, Code, Observed, RaySeen, RecordedRun
from penstock_operator.training.sources import SourceObserver
from penstock_operator.trainingrun.holders import holders


class Observer:
    """Reads around a TrainingJob."""

    def __init__(self, world: World) -> None:
        self.cluster, self.rays, self.artifacts = world.cluster, world.rays, world.artifacts
        self.installation = world.installation
        self.sources = SourceObserver(world.cluster, world.artifacts, world.installation)

    async def observe(self, job: TrainingJob) -> Observed:
        """What is."""
        attempt = current_attempt(job.status)
        deleting = job.metadata.deletion_timestamp is not None
        begins = attempt is None and not deleting and not is_complete(job)
        # Of a job that is complete Ray is asked nothing more: after a restart there may be thousands.
        asks = attempt is not None or deleting or begins or remembered(job.status) or self._reuses(job)
        ray = await or_away(self._ray(job, attempt)) if asks else NOT_ASKED
        ray_job = None if isinstance(ray, Away) else ray.job
        ended = not isinstance(ray, Away) and (ray_job is None or ray_job.state.terminal)
        began = ray_job is not None and ray_job.state is not JobState.PENDING
        renamed = attempt is not None and not deleting and attempt.config_map != config_map(job)
        return Observed(
            ray=ray,
            run_uri=self._uri(job, attempt.run) if attempt else "",
            manifest=await or_away(self._manifest(job, attempt)) if attempt and ended else NOT_ASKED,
            progress=await or_away(self.artifacts.progress(self._uri(job, attempt.run))) if attempt and began else None,
            code=await or_away(self.sources.observe(job)) if begins or renamed else Code(),
            missing_secret=await self._missing_secret(job) if begins else "",
            checkpoints=frozenset() if attempt else await or_away(self._checkpoints(job)),
            runs=await self._runs(job),
        )

    def _uri(self, job: TrainingJob, run: str) -> str:
        return run_uri(self.installation.artifacts, job.metadata.namespace, job.metadata.name, run)

    def _reuses(self, job: TrainingJob) -> bool:
        kube_ray = (job.spec.ray or self.installation.ray).kube_ray
        return kube_ray is not None and kube_ray.cluster_reuse is not ClusterReuse.NEVER

    async def _ray(self, job: TrainingJob, attempt: Attempt | None) -> RaySeen:
        ray = await self.rays.ray_of(job)
        session = await ray.session()
        deletable = (job.spec.ray or self.installation.ray).kube_ray is not None
        if attempt is None:
            kept = await ray.kept_seconds() if self._reuses(job) else None
            return RaySeen(session, kept_seconds=kept, deletable=deletable)
        found = await ray.job(attempt.submission_id)
        tail = await self._log_tail(ray, attempt) if found is not None and found.state.terminal else ""
        return RaySeen(session, found, tail, deletable=deletable)

    async def _log_tail(self, ray: Ray, attempt: Attempt) -> str:
        tail = await or_away(ray.logs(attempt.submission_id))
        return "" if isinstance(tail, Away) else tail

    async def _manifest(self, job: TrainingJob, attempt: Attempt) -> Manifest | Broken:
        try:
            manifest = await self.artifacts.manifest(self._uri(job, attempt.run))
        except RunDirError as error:
            return Broken(str(error))
        if (manifest.uid, manifest.attempt) != (job.metadata.uid, attempt.number):
            return Broken(f"The manifest of run {attempt.run} speaks of another attempt")
        return manifest

    async def _missing_secret(self, job: TrainingJob) -> str:
        refs = [variable.secret_key_ref for variable in job.spec.env if variable.secret_key_ref is not None]
        if job.spec.source.git is not None and job.spec.source.git.token_secret_key_ref is not None:
            refs.append(job.spec.source.git.token_secret_key_ref)
        read = await or_away(read_secrets(self.cluster, job.metadata.namespace, refs))
        return read.cause if isinstance(read, Away) else ""

    async def _checkpoints(self, job: TrainingJob) -> frozenset[str]:
        runs = [one.run for one in job.status.attempts if one.state in FRUITLESS and not one.removed]
        return frozenset([run for run in runs if await self.artifacts.has_checkpoint(self._uri(job, run))])

    async def _runs(self, job: TrainingJob) -> tuple[RecordedRun, ...]:
        meta = job.metadata
        named = await self.cluster.referring("TrainingRun", meta.namespace, references.training_job, meta.name)
        # Those of a predecessor of the name are none of its business.
        mine = [obj for obj in named if inner(obj, "spec", "trainingJobRef", "uid") == meta.uid]
        there = sorted((obj for obj in mine if "deletionTimestamp" not in obj["metadata"]), key=_number)
        surplus = {obj["metadata"]["uid"] for obj in there[: -job.spec.history_limit]}
        return tuple(
            [
                RecordedRun(
                    name=obj["metadata"]["name"],
                    attempt=_number(obj),
                    deletion_policy=str(inner(obj, "spec", "deletionPolicy") or "Delete"),
                    held=obj["metadata"]["uid"] in surplus and bool(await holders(self.cluster, obj)),
                    object=obj,
                )
                for obj in there
            ]
        )


def _number(run: Object) -> int:
    attempt = inner(run, "spec", "attempt")
    return attempt if isinstance(attempt, int) else 0
