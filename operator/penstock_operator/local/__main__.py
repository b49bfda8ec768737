"""`python -m penstock_operator.local`: run a local stack in the foreground until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from dataclasses import asdict
from pathlib import Path

from penstock_operator.local.stack.assembly import end_leftovers, local_stack
from penstock_operator.local.stack.hold import AlreadyRunning
from penstock_operator.local.stack.processes import StartError
from penstock_operator.local.stack.rayhead import default_cpus

EXIT_FAILED, EXIT_RUNNING = 1, 3


async def serve(home: Path, port: int, gateway_port: int, cpus: int) -> None:
    """Run until asked to stop, which may be while it still starts."""
    running = asyncio.ensure_future(_run(home, port, gateway_port, cpus))
    asked: list[int] = []

    def stop(number: int) -> None:
        # Once: a second cancellation would end the clean-up of the first.
        if not asked:
            asked.append(number)
            running.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop, number)
    try:
        await running
    except asyncio.CancelledError:
        if not asked:
            raise


async def _run(home: Path, port: int, gateway_port: int, cpus: int) -> None:
    async with local_stack(home, port, gateway_port, cpus) as addresses:
        print(json.dumps(asdict(addresses)), flush=True)  # noqa: T201 - what a caller waits for
        await asyncio.Event().wait()


def main() -> int:
    """Parse the flags and run."""
    parser = argparse.ArgumentParser(
        prog="python -m penstock_operator.local",
        description="Run the local stack: object store, API, control loops, Ray, Milvus Lite, gateway.",
        epilog="example: python -m penstock_operator.local --home .penstock",
    )
    parser.add_argument("--home", type=Path, default=Path(".penstock"), help="folder of its state")
    parser.add_argument("--port", type=int, default=0, help="port of the API; 0 takes the one it had, or a free one")
    parser.add_argument("--gateway-port", type=int, default=0, help="port of the gateway; 0 likewise")
    parser.add_argument("--cpus", type=int, default=default_cpus(), help="CPUs that Ray may use")
    parser.add_argument("--end-leftovers", action="store_true", help="only end the servers of a stack that was killed")
    flags = parser.parse_args()
    try:
        if flags.end_leftovers:
            asyncio.run(end_leftovers(flags.home))
        else:
            asyncio.run(serve(flags.home, flags.port, flags.gateway_port, flags.cpus))
    except AlreadyRunning as error:
        print(f"Error: {error}", file=sys.stderr)  # noqa: T201
        return EXIT_RUNNING
    except (StartError, OSError) as error:
        print(f"Error: {error}", file=sys.stderr)  # noqa: T201
        return EXIT_FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
