"""Perform what the plan of a TrainingJob asks for."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.api.trainingjob import Attempt, TrainingJob
from penstock.handoff import ATTEMPT_VARIABLE, AttemptSpec
from penstock.installation import Installation
from penstock.naming import run_uri
from penstock.secrets import read_secrets
from penstock_operator.ports import Artifacts, Cluster, Ray, RaySubmission
from penstock_operator.training.observed import DeleteRun, Forget, Stop, Submit

Action = Submit | Stop | Forget | DeleteRun


@dataclass(frozen=True)
class Converger:
    """Acts on Ray and the run directories."""

    cluster: Cluster
    ray: Ray
    artifacts: Artifacts
    installation: Installation

    async def converge(self, job: TrainingJob, action: Action) -> None:
        """Perform one action; a repetition changes nothing."""
        match action:
            case Submit(attempt):
                await self.ray.submit(await self._submission(job, attempt))
            case Stop(submission_id):
                await self.ray.stop(submission_id)
            case Forget(submission_id):
                await self.ray.delete(submission_id)
            case DeleteRun(run):
                await self.artifacts.delete(self._uri(job, run))

    def _uri(self, job: TrainingJob, run: str) -> str:
        return run_uri(self.installation.artifacts, job.metadata.namespace, job.metadata.name, run)

    async def _submission(self, job: TrainingJob, attempt: Attempt) -> RaySubmission:
        spec, meta = job.spec, job.metadata
        refs = [variable.secret_ref for variable in spec.env if variable.secret_ref is not None]
        secret = await read_secrets(self.cluster, meta.namespace, refs)
        env = {v.name: secret(v.secret_ref) if v.secret_ref is not None else v.value or "" for v in spec.env}
        handed = AttemptSpec(
            namespace=meta.namespace,
            name=meta.name,
            uid=meta.uid,
            attempt=attempt.number,
            run=attempt.run,
            run_uri=self._uri(job, attempt.run),
            resume_uri=self._uri(job, attempt.resume_from) if attempt.resume_from else None,
            source=spec.source.path or "",
            entrypoint=spec.entrypoint,
            args=spec.args,
            params={param.name: param.value for param in spec.params},
            workers=spec.workers,
            strategy=spec.strategy,
            checkpoint=spec.checkpoint,
            outputs=spec.outputs,
        )
        # The one worker of Single is the entrypoint; other strategies ask Ray for their workers.
        alone = spec.strategy.name == "Single"
        return RaySubmission(
            submission_id=attempt.submission_id,
            entrypoint=f"{self.installation.python} -m penstock.train.launch",
            env={**env, ATTEMPT_VARIABLE: handed.model_dump_json(by_alias=True)},
            cpus=spec.workers.cpus if alone else 0,
            gpus=spec.workers.gpus if alone else 0,
            memory_bytes=spec.workers.memory_bytes if alone else None,
            metadata={"penstock.dev/job": f"{meta.namespace}/{meta.name}", "penstock.dev/run": attempt.run},
        )
