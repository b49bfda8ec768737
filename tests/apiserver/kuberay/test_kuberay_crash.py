"""An operator that dies before or after any of its writes makes one RayJob an attempt all the same."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from kuberay_standin import Fate

from penstock.api.trainingrun import JOB_LABEL

WRITES = 8
"""Of a job that succeeds: finalizer, intent, RayJob, status when it is submitted, known and runs, its run, status."""
JOBS = [f"at-{number}-{when}" for number in range(1, WRITES + 1) for when in ("before", "after")]
UNSURE = ("at-2-after", "at-3-before")
"""The intent stands, and only the dead operator knew whether its RayJob was there: another attempt is made."""


async def test_there_is_one_rayjob_wherever_the_operator_dies(site: Any) -> None:
    writes: Counter[str] = Counter()
    stuck: set[str] = set()

    @asynccontextmanager
    async def die(method: str, path: str, body: Any) -> AsyncIterator[None]:
        """Each job comes to its own write, and there, before or after it, nothing happens to it any more."""
        meta = (body or {}).get("metadata") or {}
        # A run is called after the uid of its job.
        where = f"{path}/{meta.get('name', '')}/{(meta.get('labels') or {}).get(JOB_LABEL, '')}"
        name = next((job for job in JOBS if f"/{job}" in where), None)
        if name is None or "/events" in path:
            yield
            return
        writes[name] += 1
        _, number, when = name.split("-")
        dies = writes[name] == int(number)
        if dies and when == "before":
            stuck.add(name)
            await asyncio.Event().wait()
        yield
        if dies:
            stuck.add(name)
            await asyncio.Event().wait()

    # Slow enough for each state to be seen, and written, by itself.
    site.kuberay.fate = lambda _: Fate(starting_seconds=2, pending_seconds=2, running_seconds=2)
    site.around = die
    async with site.operator():
        for name in JOBS:
            site.apply(name)
        await site.until(lambda: stuck == set(JOBS))
    site.around = None
    async with site.operator():
        for name in JOBS:
            await site.until(lambda name=name: site.condition(name)[1] == "Completed")
    attempts = {name: [one["reason"] for one in site.job(name)["status"]["attempts"]] for name in JOBS}
    assert attempts == {name: [*(["AttemptLost"] if name in UNSURE else []), "Completed"] for name in JOBS}
    assert len(site.kuberay.created) == len(site.kuberay.started) == len(set(site.kuberay.started)) == len(JOBS)
