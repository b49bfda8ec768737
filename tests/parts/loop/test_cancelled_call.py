"""A cancellation is heard also in the moment in which a call of a thread answers."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from penstock_operator.adapters.threads import EndpointThreads


async def test_a_cancellation_that_comes_with_the_answer_is_not_lost() -> None:
    threads, answer = EndpointThreads(), threading.Event()

    def call() -> str:
        answer.wait(10)
        return "yes"

    calling = asyncio.create_task(threads.run("It", call, 10))
    await asyncio.sleep(0.05)
    answer.set()
    # The loop is held until the answer is there: both are for its next turn.
    time.sleep(0.2)  # noqa: ASYNC251 - held, as said
    calling.get_loop().call_soon(calling.cancel)
    with pytest.raises(asyncio.CancelledError):
        await calling
