"""`penstock describe`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from penstock.cli.options import AllNamespaces, Context, Kubeconfig, Namespace, connect
from penstock.cli.output import say
from penstock.cli.targets import completions, parse

if TYPE_CHECKING:
    from penstock.api import Resource
    from penstock.cli.details import Runs
    from penstock.cli.targets import Target
    from penstock.client import AsyncClient


def describe(
    resources: Annotated[
        list[str],
        typer.Argument(help="TYPE, TYPE NAME or TYPE/NAME", metavar="TYPE [NAME]", autocompletion=completions),
    ],
    all_namespaces: AllNamespaces = False,
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Print all that is known of a resource: spec, conditions with what to do, attempts, runs, gates, events.

    A job lists its runs and where each is served, a materialization its staged runs, past which gates.
    """
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
    parts = []
    for document in found:
        resource, meta = typed(kind, document), document["metadata"]
        events = await client.events(kind, meta["name"], namespace=meta["namespace"])
        parts.append(description(resource, document, events, runs=await _runs(client, resource)))
    return parts


async def _runs(client: AsyncClient, resource: Resource) -> Runs:
    """What was trained and staged that a description of an object lists."""
    from penstock.api import Materialization, StagedRun, TrainingJob, TrainingRun
    from penstock.api.stagedrun import RUN_LABEL
    from penstock.cli.details import Runs

    name, space = resource.metadata.name, resource.metadata.namespace
    if isinstance(resource, TrainingJob):
        return Runs(trained=await client.runs(name, namespace=space))
    if isinstance(resource, Materialization):
        return Runs(staged=await client.staged_runs(name, namespace=space))
    if isinstance(resource, TrainingRun):
        return Runs(staged=await client.list(StagedRun, labels={RUN_LABEL: name}, namespace=space))
    return Runs()
