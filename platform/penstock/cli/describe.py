"""`penstock describe`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from penstock.cli.options import AllNamespaces, Context, Kubeconfig, Namespace, connect
from penstock.cli.output import say
from penstock.cli.targets import parse

if TYPE_CHECKING:
    from penstock.cli.targets import Target
    from penstock.client import AsyncClient


def describe(
    resources: Annotated[list[str], typer.Argument(help="TYPE, TYPE NAME or TYPE/NAME", metavar="TYPE [NAME]")],
    all_namespaces: AllNamespaces = False,
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Print all that is known of a resource: spec, conditions with what to do, attempts, runs, gates, events."""
    import anyio

    targets = parse(resources)
    if all_namespaces and any(target.name for target in targets):
        raise typer.BadParameter("a name is of one namespace: give it by -n", param_hint="'-A'")

    async def work() -> None:
        async with connect(kubeconfig, context, namespace) as client:
            parts = [part for target in targets for part in await _described(client, target, all_namespaces)]
            say("\n\n\n".join(parts))

    anyio.run(work)


async def _described(client: AsyncClient, target: Target, everywhere: bool) -> list[str]:
    from penstock.cli.contents import contents
    from penstock.cli.description import description
    from penstock.client.core import CORE
    from penstock.client.session import typed

    kind, name = target
    found = [await client.document(kind, name)] if name else await client.documents(kind, all_namespaces=everywhere)
    if kind.__name__ in CORE:
        return [contents(typed(kind, document)) for document in found]
    return [
        description(
            typed(kind, document), document, await client.events(kind, meta["name"], namespace=meta["namespace"])
        )
        for document in found
        for meta in [document["metadata"]]
    ]
