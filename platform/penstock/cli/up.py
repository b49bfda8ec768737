"""`penstock up`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from penstock.cli.options import DEFAULT_HOME, Home
from penstock.cli.output import interactive, say

if TYPE_CHECKING:
    from penstock.cli.stack import Stack

SHOWN = {"api": "API", "gateway": "Gateway", "ray": "Ray dashboard", "kubeconfig": "Kubeconfig"}


def up(
    home: Home = DEFAULT_HOME,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port of the API; 0 chooses one.")] = 0,
    gateway_port: Annotated[
        int, typer.Option("--gateway-port", min=0, max=65535, help="Port of the gateway; 0 chooses one.")
    ] = 0,
    cpus: Annotated[int | None, typer.Option("--cpus", min=1, help="CPUs that Ray may use; unset, all.")] = None,
    foreground: Annotated[bool, typer.Option("--foreground", help="Stay attached; Ctrl-C stops the stack.")] = False,
) -> None:
    """Start the local stack and leave it running."""
    from penstock.cli.stack import Stack, command

    given = {"--port": port, "--gateway-port": gateway_port, "--cpus": cpus}
    flags = [word for flag, value in given.items() if value for word in (flag, str(value))]
    stack = Stack.at(home)
    if foreground:
        stack.refuse_second()
        line = command(stack.home, flags)
        os.execv(line[0], line)  # noqa: S606 - it becomes the stack
    ready = start(stack, flags)
    say(f"The stack is up in {stack.home} (pid {ready['pid']})")
    say(addresses(ready))
    say("\nTry next:")
    for step in next_steps(stack, home):
        say(f"  {step}")


def start(stack: Stack, flags: list[str]) -> dict[str, Any]:
    """Start a stack, with a spinner where a person watches.

    Raises:
        StackError: one runs already.
        PenstockError: it did not come up.
    """
    if not interactive():
        return stack.start(flags)
    from rich.console import Console

    with Console(stderr=True).status("Starting the local stack"):
        return stack.start(flags)


def addresses(ready: dict[str, Any]) -> str:
    """The addresses of a stack, a line each."""
    return "\n".join(f"  {title + ':':<15} {ready[key]}" for key, title in SHOWN.items() if key in ready)


def next_steps(stack: Stack, home: Path) -> list[str]:
    """What to type next; with the kubeconfig only where it would not be found."""
    from penstock.client.config import LOCAL_KUBECONFIG

    found = any((folder / LOCAL_KUBECONFIG) == stack.kubeconfig for folder in (Path.cwd(), *Path.cwd().parents))
    suffix = "" if found else f" --kubeconfig {stack.kubeconfig}"
    down = "" if home == DEFAULT_HOME else f" --home {home}"
    return [f"penstock apply -f FOLDER{suffix}", f"penstock get all{suffix}", f"penstock down{down}"]
