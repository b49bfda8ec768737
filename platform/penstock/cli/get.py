"""`penstock get`."""

from __future__ import annotations

from contextlib import aclosing
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from penstock.cli.options import AllNamespaces, Context, Kubeconfig, Namespace, connect
from penstock.cli.output import as_json, as_yaml, columns, note, say
from penstock.cli.targets import Target, completions, parse

if TYPE_CHECKING:
    from penstock.api import Resource
    from penstock.client import AsyncClient


class Format(StrEnum):
    """How objects are printed."""

    TABLE = "table"
    WIDE = "wide"
    NAME = "name"
    YAML = "yaml"
    JSON = "json"


def get(
    resources: Annotated[
        list[str],
        typer.Argument(help="all, TYPE, TYPE NAME or TYPE/NAME", metavar="TYPE [NAME]", autocompletion=completions),
    ],
    output: Annotated[Format, typer.Option("-o", "--output", help="Form of the output.")] = Format.TABLE,
    selector: Annotated[str, typer.Option("-l", "--selector", help="Labels, such as team=search.")] = "",
    watch: Annotated[bool, typer.Option("-w", "--watch", help="Go on as they change.")] = False,
    all_namespaces: AllNamespaces = False,
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Print resources as the API's own columns, or whole."""
    import anyio

    targets = parse(resources)
    if watch and len({target.kind for target in targets}) != 1:
        raise typer.BadParameter("watch one type at a time", param_hint="'-w'")
    if watch and output in (Format.YAML, Format.JSON):
        raise typer.BadParameter("a watch prints columns or names", param_hint="'-o'")

    async def work() -> None:
        async with connect(kubeconfig, context, namespace) as client:
            options = {"labels": selector, "all_namespaces": all_namespaces}
            if output in (Format.YAML, Format.JSON):
                await _documents(client, targets, output, options)
                return
            shown = await _tables(client, targets, output, options)
            if watch:
                await _watch(client, targets, output, options, shown)

    anyio.run(work)


async def _documents(client: AsyncClient, targets: list[Target], output: Format, options: dict[str, Any]) -> None:
    found: list[dict[str, Any]] = []
    for kind, name in targets:
        found += [await client.document(kind, name)] if name else await client.documents(kind, **options)
    single = len(targets) == 1 and targets[0].name is not None
    whole = found[0] if single else {"apiVersion": "v1", "kind": "List", "metadata": {}, "items": found}
    say(as_yaml(whole) if output is Format.YAML else as_json(whole))


async def _tables(
    client: AsyncClient, targets: list[Target], output: Format, options: dict[str, Any]
) -> dict[str, str]:
    """Print a table for each kind; returns the version of each object in them, by its uid."""
    merged: dict[Any, dict[str, Any]] = {}
    for kind, name in targets:
        table = await client.table(kind, name, **options)
        merged.setdefault(kind, {**table, "rows": []})["rows"] += table["rows"]
    filled = {kind: table for kind, table in merged.items() if table["rows"]}
    for number, (kind, table) in enumerate(filled.items()):
        if number and output is not Format.NAME:
            say("")
        say(render(kind, table, output, options["all_namespaces"], prefixed=len(merged) > 1))
    if not filled:
        where = "" if options["all_namespaces"] else f" in {client.namespace} namespace"
        note(f"No resources found{where}")
    shown = [row["object"]["metadata"] for table in filled.values() for row in table["rows"]]
    return {meta["uid"]: meta["resourceVersion"] for meta in shown}


async def _watch(
    client: AsyncClient, targets: list[Target], output: Format, options: dict[str, Any], shown: dict[str, str]
) -> None:
    """Print a row for each change after what was shown."""
    from penstock.client.errors import NotFound

    kind = targets[0].kind
    names = {target.name for target in targets if target.name}
    wanted = options["all_namespaces"]
    header = not shown
    async with aclosing(client.watch(kind, all_namespaces=wanted)) as changes:
        async for change in changes:
            meta = change.resource.metadata
            if shown.get(meta.uid) == meta.resource_version or (names and meta.name not in names):
                continue
            if options["labels"] and not await _selected(client, kind, meta.uid, options):
                continue
            try:
                table = await client.table(kind, meta.name, namespace=meta.namespace)
            except NotFound:
                continue
            say(render(kind, table, output, wanted, header=header))
            header = False


async def _selected(client: AsyncClient, kind: type[Resource], uid: str, options: dict[str, Any]) -> bool:
    return any(document["metadata"]["uid"] == uid for document in await client.documents(kind, **options))


def render(
    kind: Any,
    table: dict[str, Any],
    output: Format,
    namespaces: bool = False,
    prefixed: bool = False,
    header: bool = True,
) -> str:
    """A `Table` of the API as kubectl prints it."""
    from penstock.client.kinds import full_name

    if output is Format.NAME:
        return "\n".join(full_name(kind.__name__, row["object"]["metadata"]["name"]) for row in table["rows"])
    chosen = [
        index
        for index, column in enumerate(table["columnDefinitions"])
        if column.get("priority", 0) == 0 or output is Format.WIDE
    ]
    headers = [table["columnDefinitions"][index]["name"] for index in chosen]
    rows = [[row["cells"][index] for index in chosen] for row in table["rows"]]
    if prefixed:
        rows = [[full_name(kind.__name__, row[0]), *row[1:]] for row in rows]
    if namespaces:
        headers = ["Namespace", *headers]
        spaces = [row["object"]["metadata"]["namespace"] for row in table["rows"]]
        rows = [[space, *row] for space, row in zip(spaces, rows, strict=True)]
    return columns(headers, rows, header)
