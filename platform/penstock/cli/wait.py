"""`penstock wait`."""

from __future__ import annotations

from typing import Annotated

import typer

from penstock.cli.options import Context, Kubeconfig, Namespace, Timeout, connect, seconds
from penstock.cli.output import say
from penstock.cli.targets import named


def wait(
    resources: Annotated[list[str], typer.Argument(help="TYPE NAME or TYPE/NAME", metavar="TYPE NAME")],
    awaited: Annotated[str, typer.Option("--for", help="A condition (Succeeded, Promoted=True), or delete.")],
    timeout: Timeout = "10m",
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Wait until a condition is met; a resource that has ended otherwise ends the wait with an error."""
    import anyio

    from penstock.client import ends
    from penstock.client.kinds import full_name

    targets, limit = named(resources), seconds(timeout)
    try:
        text = awaited if awaited == ends.DELETE else str(ends.parse(awaited))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="'--for'") from error

    async def work() -> None:
        async with connect(kubeconfig, context, namespace) as client:
            for kind, name in targets:
                assert name is not None
                await client.wait(kind, name, text, limit)
                said = "deleted" if text == ends.DELETE else f"condition met ({text})"
                say(f"{full_name(kind.__name__, name)} {said}")

    anyio.run(work)
