"""`penstock suspend`, `penstock resume` and `penstock rerun`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from penstock.cli.options import Context, Kubeconfig, Namespace, connect
from penstock.cli.output import say
from penstock.cli.targets import completions, name_of, named

Resources = Annotated[
    list[str],
    typer.Argument(
        help="TYPE NAME or TYPE/NAME of a job or materialization", metavar="TYPE NAME", autocompletion=completions
    ),
]


def suspend(
    resources: Resources, namespace: Namespace = None, kubeconfig: Kubeconfig = None, context: Context = None
) -> None:
    """Stop a job's attempt, or let a materialization stage and promote nothing; what is served stays."""
    _set("suspend", resources, namespace, kubeconfig, context)


def resume(
    resources: Resources, namespace: Namespace = None, kubeconfig: Kubeconfig = None, context: Context = None
) -> None:
    """Let a suspended job or materialization go on."""
    _set("resume", resources, namespace, kubeconfig, context)


def rerun(
    name: Annotated[str, typer.Argument(help="NAME of a job, or trainingjob/NAME", metavar="NAME")],
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Run a job once more with the same spec."""
    import anyio

    from penstock.api import TrainingJob
    from penstock.api.trainingjob import RERUN_ANNOTATION
    from penstock.client.kinds import full_name

    target = name_of(name, TrainingJob)

    async def work() -> None:
        async with connect(kubeconfig, context, namespace) as client:
            job = await client.rerun(target)
            token = job.metadata.annotations[RERUN_ANNOTATION]
            when = "once it is resumed: it is suspended" if job.spec.suspend else f"{RERUN_ANNOTATION}: {token}"
            say(f"{full_name(job.kind, target)} runs again ({when})")

    anyio.run(work)


def _set(verb: str, resources: list[str], namespace: str | None, kubeconfig: Path | None, context: str | None) -> None:
    import anyio

    from penstock.client.kinds import full_name

    targets = named(resources)

    async def work() -> None:
        async with connect(kubeconfig, context, namespace) as client:
            for kind, name in targets:
                assert name is not None
                await (client.suspend(kind, name) if verb == "suspend" else client.resume(kind, name))
                say(f"{full_name(kind.__name__, name)} {verb.removesuffix('e')}ed")

    anyio.run(work)
