"""What `penstock run` does once there is an API: apply, follow, show."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import anyio

from penstock.api import KINDS, Materialization, Resource, StagedRun, TrainingJob, TrainingRun
from penstock.api.meta import Condition
from penstock.cli import live
from penstock.cli.exits import Failed
from penstock.cli.follow import Step, job_step, materialization_step
from penstock.cli.options import connect
from penstock.cli.output import on_terminal, say
from penstock.cli.progress import Reporter, reporter
from penstock.cli.staging import Staging
from penstock.client.config import find_kubeconfigs
from penstock.client.ends import reason_of
from penstock.client.errors import ConfigError, NotFound, WaitFailed, WaitTimeout
from penstock.client.records import Applied, R


class Following:
    """One `penstock run`: what is applied, and where."""

    def __init__(
        self,
        documents: Sequence[dict[str, Any]],
        kubeconfig: Path | None,
        context: str | None,
        namespace: str | None,
        limit: float,
    ) -> None:
        self._documents, self._limit = documents, limit
        self._flags = _flags(kubeconfig, context, namespace)
        self._client = connect(kubeconfig, context, namespace)
        self._failures: list[tuple[Resource, Condition]] = []

    async def work(self) -> None:
        """Apply everything, follow it to its end, and show what is live.

        Raises:
            Failed: a job or a materialization ended badly.
            WaitTimeout: the time is up.
            PenstockError: a call failed, or a resource was deleted.
        """
        async with self._client:
            applied = [await self._client.apply(document, tell=on_terminal) for document in self._documents]
            try:
                with anyio.fail_after(self._limit), reporter() as progress:
                    await self._follow_all(applied, progress)
            except ExceptionGroup as group:
                raise _first(group) from group
            except TimeoutError:
                raise WaitTimeout(f"It did not end within {self._limit:g} s; it goes on: `penstock get all`") from None
            if self._failures:
                raise Failed("\n".join(explained(*failure) for failure in self._failures))
            await self._show(applied)

    async def _follow_all(self, applied: Sequence[Applied], progress: Reporter) -> None:
        """The jobs first, beside one another; then what waits for their runs."""
        async with anyio.create_task_group() as jobs:
            for one in applied:
                if one.kind == "TrainingJob":
                    jobs.start_soon(self._follow_job, one, progress)
        if self._failures:
            return
        async with anyio.create_task_group() as mats:
            for one in applied:
                if one.kind == "Materialization":
                    mats.start_soon(self._follow_materialization, one, await self._newest_run(one), progress)

    async def _newest_run(self, mat: Applied) -> str | None:
        meta = mat.document["metadata"]
        try:
            name = mat.document["spec"]["trainingJobRef"]["name"]
            return (await self._client.get(TrainingJob, name, namespace=meta["namespace"])).status.latest_run
        except NotFound:
            return None

    async def _follow_job(self, applied: Applied, progress: Reporter) -> None:
        name, space = applied.name, applied.document["metadata"]["namespace"]
        async with aclosing(self._client.watch(TrainingJob, name, namespace=space)) as changes:
            async for change in changes:
                if change.type == "DELETED":
                    raise WaitFailed(f"trainingjob/{name} was deleted")
                step = job_step(change.resource)
                progress.show(f"trainingjob/{name}", step)
                if step.failure is not None:
                    self._failures.append((change.resource, step.failure))
                if step.done:
                    return

    async def _follow_materialization(self, applied: Applied, run: str | None, progress: Reporter) -> None:
        name, space = applied.name, applied.document["metadata"]["namespace"]
        last: list[tuple[Materialization, Step]] = []

        def show(mat: Materialization, staged: StagedRun | None) -> bool:
            step = materialization_step(mat, run, staged)
            progress.show(f"materialization/{name}", step)
            last[:] = [(mat, step)]
            return step.done

        await Staging(self._client, name, space, show).follow()
        self._failures += [(mat, step.failure) for mat, step in last if step.failure is not None]

    async def _show(self, applied: Sequence[Applied]) -> None:
        found: dict[str, list[Any]] = {kind: [] for kind in KINDS}
        for one in applied:
            if one.kind in KINDS:
                space = one.document["metadata"]["namespace"]
                found[one.kind].append(await self._client.get(KINDS[one.kind], one.name, namespace=space))
        say("")
        for job in found["TrainingJob"]:
            say(live.job_report(job, await self._there(TrainingRun, job.status.latest_run, job)))
        for mat in found["Materialization"]:
            served = mat.status.active.staged_run_ref.name if mat.status.active is not None else None
            say(live.materialization_report(mat, await self._there(StagedRun, served, mat)))
        say("\nTry next:")
        commands = live.next_commands(
            found["Materialization"], found["FeatureView"], found["VectorCollection"], self._flags
        )
        for command in commands:
            say(f"  {command}")

    async def _there(self, kind: type[R], name: str | None, beside: Resource) -> R | None:
        """An object in the namespace of another; None where it is not there, or no more."""
        try:
            return await self._client.get(kind, name, namespace=beside.metadata.namespace) if name is not None else None
        except NotFound:
            return None


def explained(resource: Resource, condition: Condition) -> str:
    """Why a resource ended badly, and what to do."""
    reason = reason_of(resource, condition)
    remedy = (reason.remedy if reason is not None else "").replace("NAME", resource.metadata.name)
    text = f"{resource.kind.lower()}/{resource.metadata.name}: {condition.reason}: {condition.message}"
    return f"{text}\nWhat to do: {remedy}" if remedy else text


def _first(group: ExceptionGroup[Exception]) -> Exception:
    """What went wrong, out of the group that the tasks are in."""
    error = group.exceptions[0]
    return _first(error) if isinstance(error, ExceptionGroup) else error


def _flags(kubeconfig: Path | None, context: str | None, namespace: str | None) -> str:
    """The options that the next command needs to reach the same place."""
    try:
        found = [path.resolve() for path in find_kubeconfigs()]
    except ConfigError:
        found = []
    same = kubeconfig is None or found == [kubeconfig.resolve()]
    given = {"--kubeconfig": None if same else kubeconfig, "--context": context, "-n": namespace}
    return "".join(f" {flag} {value}" for flag, value in given.items() if value)
