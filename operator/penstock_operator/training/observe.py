"""Gather what a TrainingJob's plan needs; reads only."""

from __future__ import annotations

from penstock.api.ray import ClusterReuse
from penstock.api.trainingjob import Attempt, TrainingJob
from penstock.naming import run_uri
from penstock.rundir.errors import RunDirError
from penstock.rundir.manifest import Manifest
from penstock.secrets import MissingSecret, read_secrets
from penstock_operator.loop.wire import entries, inner, texts
from penstock_operator.ports import Cluster, JobState, RayJob, Refused, Unreachable, World
from penstock_operator.references import training_job
from penstock_operator.training.attempts import current_attempt, is_complete
from penstock_operator.training.leftovers import FRUITLESS, remembered
from penstock_operator.training.observed import Code, Observed
from penstock_operator.training.sources import SourceObserver


class Observer:
    """Reads around a TrainingJob."""

    def __init__(self, world: World) -> None:
        self.cluster, self.rays, self.artifacts = world.cluster, world.rays, world.artifacts
        self.installation = world.installation

    async def observe(self, job: TrainingJob) -> Observed:
        """What is."""
        attempt = current_attempt(job.status)
        deleting = job.metadata.deletion_timestamp is not None
        settled = attempt is None and not deleting and is_complete(job)
        # Of a job that is complete Ray is asked nothing more: after a restart there may be thousands.
        asks = not settled or remembered(job.status)
        session, error, ray_job = await self._ray(job, attempt) if asks else (None, "", None)
        ended = ray_job is None or ray_job.state.terminal
        manifest, manifest_error = await self._manifest(job, attempt) if attempt and ended else (None, "")
        began = manifest is not None or (ray_job is not None and ray_job.state is not JobState.PENDING)
        failed = ray_job is not None and ray_job.state.terminal and manifest is None
        return Observed(
            session=session,
            ray_error=error,
            job=ray_job,
            log_tail=await self._log_tail(job, ray_job) if failed else "",
            manifest=manifest,
            manifest_error=manifest_error,
            progress=await self.artifacts.progress(self._uri(job, attempt.run)) if attempt and began else None,
            kept_seconds=None if attempt else await self._kept_seconds(job),
            code=Code() if attempt or deleting or settled else await self._code(job),
            missing_secret="" if attempt or deleting or settled else await self._missing_secret(job),
            checkpoints=frozenset() if attempt else await self._checkpoints(job),
            protected=await protected_runs(self.cluster, job.metadata.namespace, job.metadata.name),
        )

    def _uri(self, job: TrainingJob, run: str) -> str:
        return run_uri(self.installation.artifacts, job.metadata.namespace, job.metadata.name, run)

    async def _ray(self, job: TrainingJob, attempt: Attempt | None) -> tuple[str | None, str, RayJob | None]:
        try:
            ray = await self.rays.ray_of(job)
            session = await ray.session()
            return session, "", await ray.job(attempt.submission_id) if attempt else None
        except (Unreachable, Refused, MissingSecret) as error:
            return None, str(error), None

    async def _kept_seconds(self, job: TrainingJob) -> int | None:
        kube_ray = (job.spec.ray or self.installation.ray).kube_ray
        if kube_ray is None or kube_ray.cluster_reuse is ClusterReuse.NEVER:
            return None
        try:
            return await (await self.rays.ray_of(job)).kept_seconds()
        except (Unreachable, Refused, MissingSecret):
            return None

    async def _log_tail(self, job: TrainingJob, ray_job: RayJob | None) -> str:
        if ray_job is None:
            return ""
        try:
            return await (await self.rays.ray_of(job)).logs(ray_job.submission_id)
        except (Unreachable, Refused, MissingSecret):
            return ""

    async def _manifest(self, job: TrainingJob, attempt: Attempt) -> tuple[Manifest | None, str]:
        try:
            manifest = await self.artifacts.manifest(self._uri(job, attempt.run))
        except RunDirError as error:
            return None, str(error)
        if (manifest.uid, manifest.attempt) != (job.metadata.uid, attempt.number):
            return None, f"The manifest of run {attempt.run} speaks of another attempt"
        kinds = {output.name: output.kind for output in manifest.outputs}
        for output in job.spec.outputs:
            if kinds.get(output.name) is not output.kind:
                return None, f"The manifest has no {output.kind} output {output.name!r}, which spec.outputs declares"
        return manifest, ""

    async def _code(self, job: TrainingJob) -> Code:
        return await SourceObserver(self.cluster, self.artifacts, self.installation).observe(job)

    async def _missing_secret(self, job: TrainingJob) -> str:
        refs = [variable.secret_key_ref for variable in job.spec.env if variable.secret_key_ref is not None]
        if job.spec.source.git is not None and job.spec.source.git.token_secret_key_ref is not None:
            refs.append(job.spec.source.git.token_secret_key_ref)
        try:
            await read_secrets(self.cluster, job.metadata.namespace, refs)
        except MissingSecret as error:
            return str(error)
        return ""

    async def _checkpoints(self, job: TrainingJob) -> frozenset[str]:
        runs = [one.run for one in job.status.attempts if one.state in FRUITLESS and not one.removed]
        return frozenset([run for run in runs if await self.artifacts.has_checkpoint(self._uri(job, run))])


async def protected_runs(cluster: Cluster, namespace: str, job: str) -> frozenset[str]:
    """The runs of a TrainingJob that a Materialization stages, keeps or serves."""
    runs: set[str] = set()
    for obj in await cluster.referring("Materialization", namespace, training_job, job):
        if "deletionTimestamp" in obj["metadata"]:
            continue
        status = obj.get("status")
        runs.update(texts(*(record.get("run") for record in entries(status, "runs") if record.get("outputs"))))
        runs.update(
            texts(
                inner(status, "active", "run"),
                inner(status, "previousRun"),
                inner(obj, "spec", "pinnedRunRef", "name"),
            )
        )
    return frozenset(runs)
