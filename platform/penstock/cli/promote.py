"""`penstock promote` and `penstock rollback`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from penstock.cli.options import Context, Kubeconfig, Namespace, Timeout, connect, seconds
from penstock.cli.output import say
from penstock.cli.targets import name_of

Name = Annotated[str, typer.Argument(help="NAME of a materialization, or materialization/NAME", metavar="NAME")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until the run is served.")]


def promote(
    name: Name,
    run: Annotated[str | None, typer.Option("--run", help="Pin this run; unset, the newest staged one.")] = None,
    wait: Wait = False,
    timeout: Timeout = "5m",
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Serve the newest staged run, or the one that is named.

    One that is not staged yet is staged first; `penstock get trainingruns` lists them.
    """
    _move("promote", name, run, seconds(timeout) if wait else None, namespace, kubeconfig, context)


def rollback(
    name: Name,
    run: Annotated[str | None, typer.Option("--run", help="Go back to this run; unset, the previous one.")] = None,
    wait: Wait = False,
    timeout: Timeout = "5m",
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Serve the previous run, or another that is staged, and stay with it until `penstock promote`."""
    _move("rollback", name, run, seconds(timeout) if wait else None, namespace, kubeconfig, context)


def _move(
    verb: str,
    word: str,
    run: str | None,
    limit: float | None,
    namespace: str | None,
    kubeconfig: Path | None,
    context: str | None,
) -> None:
    import anyio

    from penstock.api import Materialization
    from penstock.client.kinds import full_name

    name = name_of(word, Materialization)
    done = {"promote": "promoted", "rollback": "rolled back"}[verb]

    async def work() -> None:
        async with connect(kubeconfig, context, namespace) as client:
            mat = await (client.promote(name, run) if verb == "promote" else client.rollback(name, run))
            staged = await client.promotable(mat)
            target = mat.spec.pinned_run or next(reversed(staged), None)
            how = "pinned" if mat.spec.pinned_run else "the newest, not pinned"
            first = "" if target in staged else "; it is staged first"
            say(f"{full_name(mat.kind, name)} {done}: run {target} ({how}{first})")
            if limit is not None and target is not None:
                await client.wait_served(name, target, limit)
                say(f"{full_name(mat.kind, name)} serves run {target}")

    anyio.run(work)
