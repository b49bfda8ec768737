"""`penstock delete`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from penstock.cli.options import Context, Kubeconfig, Namespace, Timeout, connect, seconds
from penstock.cli.output import say
from penstock.cli.targets import Target, named, parse

if TYPE_CHECKING:
    from penstock.client import AsyncClient


def delete(
    resources: Annotated[
        list[str] | None, typer.Argument(help="TYPE NAME or TYPE/NAME; or -f", metavar="[TYPE NAME]")
    ] = None,
    filename: Annotated[
        str | None,
        typer.Option("-f", "--filename", help="Delete what this file or folder names; - for standard input."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every object of TYPE in the namespace.")] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it is gone.")] = True,
    ignore_not_found: Annotated[
        bool, typer.Option("--ignore-not-found", help="What is not there is no error.")
    ] = False,
    timeout: Timeout = "10m",
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Delete resources and what they made (or keep that, by their deletion policy)."""
    import anyio

    if bool(resources) == bool(filename):
        raise typer.BadParameter("name resources (TYPE NAME), or a file with -f")
    targets = [] if not resources else parse(resources) if every else named(resources)
    limit = seconds(timeout)

    async def work() -> None:
        async with connect(kubeconfig, context, namespace) as client:
            found = await _named(client, targets) if filename is None else _read(filename)
            for document in found:
                await _delete(client, document, ignore_not_found)
            if wait:
                await _await_gone(client, found, limit)

    anyio.run(work)


async def _named(client: AsyncClient, targets: list[Target]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for kind, name in targets:
        names = [name] if name else [d["metadata"]["name"] for d in await client.documents(kind)]
        found += [{"kind": kind.__name__, "metadata": {"name": each}} for each in names]
    return found


def _read(filename: str) -> list[dict[str, Any]]:
    """What a file names, the last applied first: what refers goes before what is referred to."""
    from penstock.client import manifests

    return manifests.read(filename)[::-1]


async def _delete(client: AsyncClient, document: dict[str, Any], ignore: bool) -> None:
    from penstock.client.errors import NotFound
    from penstock.client.kinds import full_name

    try:
        await client.delete_document(document)
    except NotFound:
        if ignore:
            return
        raise
    say(f"{full_name(document['kind'], document['metadata']['name'])} deleted")


async def _await_gone(client: AsyncClient, documents: list[dict[str, Any]], limit: float) -> None:
    from penstock.api import KINDS

    for document in documents:
        kind, meta = KINDS.get(document["kind"]), document["metadata"]
        if kind is not None:
            await client.wait(kind, meta["name"], "delete", limit, namespace=meta.get("namespace"))
