"""`penstock down`."""

from __future__ import annotations

from penstock.cli.options import DEFAULT_HOME, Home
from penstock.cli.output import interactive, say


def down(home: Home = DEFAULT_HOME) -> None:
    """Stop the local stack; its state and data stay, and the next `penstock up` goes on from them."""
    from penstock.cli.stack import Stack

    stack = Stack.at(home)
    if stack.end_leftovers():
        say(f"The stack in {stack.home} had been killed: what it left running is ended")
        return
    if interactive():
        from rich.console import Console

        with Console(stderr=True).status("Stopping the local stack"):
            pid = stack.stop()
    else:
        pid = stack.stop()
    say(f"The stack in {stack.home} (pid {pid}) is stopped; its data stays there")
