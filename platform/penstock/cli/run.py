"""`penstock run`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from penstock.cli.exits import StackError
from penstock.cli.options import (
    DEFAULT_HOME,
    Context,
    Home,
    Kubeconfig,
    Manifest,
    Namespace,
    Timeout,
    seconds,
)
from penstock.cli.output import note

if TYPE_CHECKING:
    from penstock.cli.stack import Stack


def run(
    filename: Manifest,
    home: Home = DEFAULT_HOME,
    timeout: Timeout = "1h",
    down: Annotated[bool, typer.Option("--down", help="Stop the stack at the end.")] = False,
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Apply resources, follow their jobs and materializations to the end, and show what is live.

    Without --kubeconfig and --context it runs on the local stack, and starts that if need be.
    """
    import anyio

    from penstock.cli.following import Following
    from penstock.cli.stack import Stack
    from penstock.client import manifests

    limit = seconds(timeout)
    documents = manifests.read(filename)
    stack = Stack.at(home) if kubeconfig is None and context is None else None
    started = stack is not None and _brought_up(stack)
    where = stack.kubeconfig if stack is not None else kubeconfig
    try:
        anyio.run(Following(documents, where, context, namespace, limit).work)
    except KeyboardInterrupt:
        note("Stopped following" + ("" if started else "; what was applied goes on"))
        down = started
        raise
    finally:
        if stack is not None and down:
            stack.stop()
            note("The local stack is stopped")
        elif stack is not None:
            given = "" if home == DEFAULT_HOME else f" --home {home}"
            note(f"The local stack goes on in {stack.home}: `penstock down{given}` stops it")


def _brought_up(stack: Stack) -> bool:
    """Start the stack if none runs; whether it was started."""
    from penstock.cli.up import start

    if stack.pid() is None:
        note("Starting the local stack")
        start(stack, [])
        return True
    if not stack.addresses():
        raise StackError(f"A stack is being started in {stack.home}: try again in a moment")
    return False
