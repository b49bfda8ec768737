"""`penstock wait`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from penstock.cli.options import AllNamespaces, Context, Kubeconfig, Namespace, Timeout, connect, seconds
from penstock.cli.output import say
from penstock.cli.targets import Target, completions, named, parse
from penstock.client.errors import NotPossible

if TYPE_CHECKING:
    from penstock.client import AsyncClient


def wait(
    resources: Annotated[
        list[str], typer.Argument(help="TYPE NAME or TYPE/NAME", metavar="TYPE [NAME]", autocompletion=completions)
    ],
    awaited: Annotated[str, typer.Option("--for", help="A condition (Succeeded, Promoted=True), or delete.")],
    every: Annotated[bool, typer.Option("--all", help="Every object of TYPE in the namespace.")] = False,
    selector: Annotated[str, typer.Option("-l", "--selector", help="Those with labels, such as team=search.")] = "",
    timeout: Timeout = "10m",
    all_namespaces: AllNamespaces = False,
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Wait until a condition is met, of several objects one after the other; one that ended otherwise is an error."""
    import anyio

    from penstock.client import ends
    from penstock.client.kinds import full_name

    several = every or bool(selector)
    targets, limit = parse(resources) if several else named(resources), seconds(timeout)
    if several and any(target.name for target in targets):
        raise typer.BadParameter("a name is one object: leave it out", param_hint="'--all'")
    if all_namespaces and not several:
        raise typer.BadParameter("objects of every namespace are awaited by --all or -l only", param_hint="'-A'")
    try:
        text = awaited if awaited == ends.DELETE else str(ends.parse(awaited))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="'--for'") from error

    async def work() -> None:
        async with connect(kubeconfig, context, namespace) as client:
            found = await _each(client, targets, {"labels": selector, "all_namespaces": all_namespaces})
            if not found and text != ends.DELETE:
                raise NotPossible(f"There is no {' or '.join(resources)} to wait for")
            for (kind, name), space in found:
                assert name is not None
                await client.wait(kind, name, text, limit, namespace=space)
                said = "deleted" if text == ends.DELETE else f"condition met ({text})"
                say(f"{full_name(kind.__name__, name)} {said}")

    anyio.run(work)


async def _each(client: AsyncClient, targets: list[Target], options: dict[str, Any]) -> list[tuple[Target, str | None]]:
    """Each object that is awaited, with its namespace; None for the client's."""
    found: list[tuple[Target, str | None]] = []
    for kind, name in targets:
        if name is not None:
            found.append((Target(kind, name), None))
            continue
        metas = [document["metadata"] for document in await client.documents(kind, **options)]
        found += [(Target(kind, meta["name"]), meta["namespace"]) for meta in metas]
    return found
