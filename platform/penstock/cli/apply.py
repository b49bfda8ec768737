"""`penstock apply`."""

from __future__ import annotations

from typing import Annotated

import typer

from penstock.cli.options import Context, Kubeconfig, Manifest, Namespace, connect
from penstock.cli.output import on_terminal, say


def apply(
    filename: Manifest,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check only; write nothing.")] = False,
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Create or change the resources of a file or folder."""
    import anyio

    async def work() -> None:
        from penstock.client import manifests
        from penstock.client.kinds import full_name

        documents = manifests.read(filename)
        async with connect(kubeconfig, context, namespace) as client:
            for document in documents:
                applied = await client.apply(document, dry_run=dry_run, tell=on_terminal)
                suffix = " (dry run)" if dry_run else ""
                say(f"{full_name(applied.kind, applied.name)} {applied.outcome}{suffix}")

    anyio.run(work)
