"""`penstock logs`."""

from __future__ import annotations

from typing import Annotated

import typer

from penstock.cli.options import Context, Kubeconfig, Namespace, connect
from penstock.cli.output import note, say
from penstock.cli.targets import completions, one
from penstock.client.errors import LogAway


def logs(
    resource: Annotated[
        list[str],
        typer.Argument(help="NAME of a job, TYPE NAME or TYPE/NAME", metavar="NAME", autocompletion=completions),
    ],
    attempt: Annotated[int | None, typer.Option("--attempt", min=1, help="This attempt; unset, the newest.")] = None,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on until the attempt ends.")] = False,
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Print the log of a job's attempt or of a staging.

    Of a TrainingRun it is its attempt's, of a Materialization that of its newest StagedRun.
    """
    import anyio

    from penstock.api import TrainingJob

    kind, name = one(resource, TrainingJob)
    assert name is not None

    async def work() -> None:
        async with connect(kubeconfig, context, namespace) as client:
            try:
                async for line in client.logs(kind, name, attempt=attempt, follow=follow):
                    say(line)
            except LogAway as error:
                if not error.lines:
                    raise
                note(f"{error}. This is what the status keeps:")
                for line in error.lines:
                    say(line)

    anyio.run(work)
