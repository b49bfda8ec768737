"""Perform what the plan of a TrainingJob asks for."""

from __future__ import annotations

from typing import Any, assert_never

from penstock.api.source import Source
from penstock.api.trainingjob import Attempt, TrainingJob
from penstock.handoff import (
    ATTEMPT_VARIABLE,
    GIT_TOKEN_VARIABLE,
    ArchiveCode,
    AttemptSource,
    AttemptSpec,
    GitCode,
    as_variable,
)
from penstock.naming import run_uri
from penstock.sources.store import archive_uri
from penstock_operator.adapters.authorities import authority_variables
from penstock_operator.loop.wire import inner
from penstock_operator.ports import Conflict, Object, RaySubmission, Refused, World
from penstock_operator.rayactions import Forget, Stop
from penstock_operator.training.actions import (
    Action,
    CreateRun,
    DeleteFiles,
    DeleteRun,
    Release,
    SetDeletionPolicy,
    StoreSource,
    Submit,
)


class Converger:
    """Acts on Ray, the run directories and the TrainingRuns."""

    def __init__(self, world: World) -> None:
        self.rays, self.artifacts, self.installation = world.rays, world.artifacts, world.installation
        self.cluster = world.cluster

    async def converge(self, job: TrainingJob, action: Action) -> None:
        """Perform one action; a repetition changes nothing."""
        match action:
            case Submit(attempt):
                await (await self.rays.ray_of(job)).submit(self._submission(job, attempt))
            case Stop(submission_id):
                await (await self.rays.ray_of(job)).stop(submission_id)
            case Forget(submission_id):
                await (await self.rays.ray_of(job)).delete(submission_id)
            case Release():
                await (await self.rays.ray_of(job)).release()
            case StoreSource(archive):
                await self.artifacts.put_source(self.installation.artifacts, archive)
            case DeleteFiles(run):
                await self.artifacts.delete(self._uri(job, run))
            case CreateRun(obj):
                await self._create(obj)
            case DeleteRun(surplus):
                await self.cluster.delete(surplus.object)
            case SetDeletionPolicy(run, policy):
                await self.cluster.replace_spec(run.object, {**run.object["spec"], "deletionPolicy": str(policy)})
            case _:
                assert_never(action)

    async def _create(self, obj: Object) -> None:
        """Make a TrainingRun; one of the same attempt that is there was made before a crash."""
        try:
            await self.cluster.create(obj)
        except Conflict:
            meta = obj["metadata"]
            there = await self.cluster.get(obj["kind"], meta["namespace"], meta["name"])
            if there is None:
                raise
            if _attempt(there) != _attempt(obj):
                name, uid, number = _attempt(there)
                raise Refused(
                    f"TrainingRun {meta['name']!r} is there already, of attempt {number} of TrainingJob {name!r} "
                    f"(uid {uid}): delete that one"
                ) from None

    def _uri(self, job: TrainingJob, run: str) -> str:
        return run_uri(self.installation.artifacts, job.metadata.namespace, job.metadata.name, run)

    def _source(self, source: Source, attempt: Attempt) -> AttemptSource:
        if source.git is not None:
            git = source.git
            return AttemptSource(git=GitCode(url=git.url, revision=git.revision, path=git.path))
        if attempt.source_revision is None:
            return AttemptSource(path=source.path)
        uri = archive_uri(self.installation.artifacts, attempt.source_revision)
        return AttemptSource(archive=ArchiveCode(uri=uri, digest=attempt.source_revision))

    def _submission(self, job: TrainingJob, attempt: Attempt) -> RaySubmission:
        spec, meta = job.spec, job.metadata
        env = {one.name: one.value or "" for one in spec.env if one.secret_key_ref is None}
        secrets = {one.name: one.secret_key_ref for one in spec.env if one.secret_key_ref is not None}
        if spec.source.git is not None and spec.source.git.token_secret_key_ref is not None:
            secrets[GIT_TOKEN_VARIABLE] = spec.source.git.token_secret_key_ref
        handed = AttemptSpec(
            namespace=meta.namespace,
            name=meta.name,
            uid=meta.uid,
            attempt=attempt.number,
            run=attempt.run,
            run_uri=self._uri(job, attempt.run),
            resume_uri=self._uri(job, attempt.resume_from) if attempt.resume_from else None,
            source=self._source(spec.source, attempt),
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
            env={
                **authority_variables(self.installation),
                **env,
                ATTEMPT_VARIABLE: as_variable(handed),
            },
            secrets=secrets,
            workers=None if alone else spec.workers,
            cpus=spec.workers.cores if alone else 0,
            gpus=spec.workers.gpus if alone else 0,
            memory_bytes=spec.workers.memory_bytes if alone else None,
            metadata={"penstock.dev/job": f"{meta.namespace}/{meta.name}", "penstock.dev/run": attempt.run},
        )


def _attempt(run: Object) -> tuple[Any, Any, Any]:
    """Which attempt of which job a TrainingRun is of."""
    ref = inner(run, "spec", "trainingJobRef")
    return inner(ref, "name"), inner(ref, "uid"), inner(run, "spec", "attempt")
