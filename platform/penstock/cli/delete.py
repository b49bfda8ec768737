"""`penstock delete`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from penstock.cli.options import AllNamespaces, Context, Kubeconfig, Namespace, Timeout, connect, seconds
from penstock.cli.output import say
from penstock.cli.targets import ALL, Target, completions, named, parse
from penstock.client.errors import NotFound

if TYPE_CHECKING:
    from penstock.client import AsyncClient


def delete(
    resources: Annotated[
        list[str] | None,
        typer.Argument(help="TYPE NAME or TYPE/NAME; or -f", metavar="[TYPE NAME]", autocompletion=completions),
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
    all_namespaces: AllNamespaces = False,
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Delete resources and what they made (or keep that, by their deletion policy).

    A TrainingRun or StagedRun frees its space; what is served, pinned or the previous is refused. `all` leaves both to
    the jobs and materializations that they are of.
    """
    import anyio

    from penstock.client.core import CORE

    if bool(resources) == bool(filename):
        raise typer.BadParameter("name resources (TYPE NAME), or a file with -f")
    if all_namespaces and not (every and resources):
        raise typer.BadParameter("objects of every namespace are deleted by TYPE --all only", param_hint="'-A'")
    targets = [] if not resources else parse(resources) if every else named(resources)
    if resources and resources[0] in ALL:
        targets = [target for target in targets if not target.kind.MANAGED]
    limit = seconds(timeout)

    async def work() -> None:
        async with connect(kubeconfig, context, namespace) as client:
            found = await _named(client, targets, all_namespaces) if filename is None else _read(filename)
            missing = []
            for document in _without_core(found):
                missing += await _delete(client, document)
            if wait:
                await _await_gone(client, _without_core(found), limit)
            # Only now: what is being deleted may still need a Secret to clean up its store.
            for document in found:
                if document["kind"] in CORE:
                    missing += await _delete(client, document)
            if missing and not ignore_not_found:
                raise missing[0]

    anyio.run(work)


async def _named(client: AsyncClient, targets: list[Target], everywhere: bool) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for kind, name in targets:
        if name is not None:
            found.append({"kind": kind.__name__, "metadata": {"name": name}})
            continue
        documents = await client.documents(kind, all_namespaces=everywhere)
        metas = [{key: one["metadata"][key] for key in ("name", "namespace")} for one in documents]
        found += [{"kind": kind.__name__, "metadata": meta} for meta in metas]
    return found


def _read(filename: str) -> list[dict[str, Any]]:
    """What a file names, the last applied first: what refers goes before what is referred to."""
    from penstock.client import manifests

    return manifests.read(filename)[::-1]


def _without_core(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    from penstock.client.core import CORE

    return [document for document in documents if document["kind"] not in CORE]


async def _delete(client: AsyncClient, document: dict[str, Any]) -> list[NotFound]:
    """Ask for the deletion; what is not there keeps nothing else from being deleted."""
    from penstock.client.kinds import full_name

    try:
        await client.delete_document(document)
    except NotFound as error:
        return [error]
    say(f"{full_name(document['kind'], document['metadata']['name'])} deleted")
    return []


async def _await_gone(client: AsyncClient, documents: list[dict[str, Any]], limit: float) -> None:
    from penstock.api import KINDS

    for document in documents:
        kind, meta = KINDS.get(document["kind"]), document["metadata"]
        if kind is not None:
            await client.wait(kind, meta["name"], "delete", limit, namespace=meta.get("namespace"))
