"""What `penstock run` does once there is an API: apply, follow, show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import anyio

from penstock.api import KINDS, Materialization, Resource, TrainingJob
from penstock.cli import live
from penstock.cli.exits import Failed
from penstock.cli.follow import Step, job_step, materialization_step
from penstock.cli.options import connect
from penstock.cli.output import on_terminal, say
from penstock.cli.progress import Reporter, reporter
from penstock.client.config import find_kubeconfigs
from penstock.client.ends import reason_of
from penstock.client.errors import ConfigError, NotFound, WaitFailed, WaitTimeout
from penstock.client.records import Applied


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
        self._failures: list[tuple[Resource, Step]] = []

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
                with anyio.fail_after(self._limit), reporter() as told:
                    await self._follow_all(applied, told)
            except ExceptionGroup as group:
                raise _first(group) from group
            except TimeoutError:
                raise WaitTimeout(f"It did not end within {self._limit:g} s; it goes on: `penstock get all`") from None
            if self._failures:
                raise Failed("\n".join(explained(resource, step) for resource, step in self._failures))
            await self._show(applied)

    async def _follow_all(self, applied: Sequence[Applied], told: Reporter) -> None:
        """The jobs first, beside one another; then what waits for their runs."""
        async with anyio.create_task_group() as jobs:
            for one in applied:
                if one.kind == "TrainingJob":
                    jobs.start_soon(self._follow, TrainingJob, one, job_step, told)
        if self._failures:
            return
        async with anyio.create_task_group() as mats:
            for one in applied:
                if one.kind == "Materialization":
                    newest = await self._newest_run(one)

                    def step(mat: Any, run: str | None = newest) -> Step:
                        return materialization_step(mat, run)

                    mats.start_soon(self._follow, Materialization, one, step, told)

    async def _newest_run(self, mat: Applied) -> str | None:
        meta = mat.document["metadata"]
        try:
            name = mat.document["spec"]["trainingJobRef"]["name"]
            return (await self._client.get(TrainingJob, name, namespace=meta["namespace"])).status.latest_run
        except NotFound:
            return None

    async def _follow(
        self, kind: type[Resource], applied: Applied, step_of: Callable[[Any], Step], told: Reporter
    ) -> None:
        name, space = applied.name, applied.document["metadata"]["namespace"]
        label = f"{kind.__name__.lower()}/{name}"
        async with aclosing(self._client.watch(kind, name, namespace=space)) as changes:
            async for change in changes:
                if change.type == "DELETED":
                    raise WaitFailed(f"{label} was deleted")
                step = step_of(change.resource)
                told.tell(label, step)
                if step.failure is not None:
                    self._failures.append((change.resource, step))
                if step.done:
                    return

    async def _show(self, applied: Sequence[Applied]) -> None:
        found: dict[str, list[Any]] = {kind: [] for kind in KINDS}
        for one in applied:
            if one.kind in KINDS:
                space = one.document["metadata"]["namespace"]
                found[one.kind].append(await self._client.get(KINDS[one.kind], one.name, namespace=space))
        say("")
        for job in found["TrainingJob"]:
            say(live.job_report(job))
        for mat in found["Materialization"]:
            say(live.materialization_report(mat))
        say("\nTry next:")
        commands = live.next_commands(
            found["Materialization"], found["FeatureView"], found["VectorCollection"], self._flags
        )
        for command in commands:
            say(f"  {command}")


def explained(resource: Resource, step: Step) -> str:
    """Why a resource ended badly, and what to do."""
    condition = step.failure
    assert condition is not None
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
