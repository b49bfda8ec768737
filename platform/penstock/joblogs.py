"""The log of what an object ran on Ray: which job of Ray's that is, and its lines as they come.

Who asks Ray, and by which way, is told apart elsewhere: the command on a cluster goes through the API server, the local
stack has its Ray beside it.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple

import anyio

from penstock.api import Resource, StagedRun, TrainingJob

POLL_SECONDS = 1.0
AWAY_SECONDS = 30.0
"""So long a Ray that has answered before may be away while its log is followed."""


class NoLog(Exception):
    """The object ran nothing on Ray that has a log; the message says why."""


class Submission(NamedTuple):
    """A job of Ray's, and what the status has of its end."""

    id: str
    message: str


class Seen(NamedTuple):
    """A job of Ray's at one look."""

    log: str
    """All of it, so far."""
    ended: bool
    """Whether no more can come; to be asked before the log is."""


Look = Callable[[], Awaitable[Seen]]


def submission(resource: Resource, attempt: int | None) -> Submission:
    """The newest job of an object, or that of one attempt.

    Raises:
        NoLog: there is none.
    """
    name = f"{resource.kind} {resource.metadata.name!r}"
    untried = NoLog(f"{name} has not been tried yet")
    if isinstance(resource, StagedRun):
        if (latest := resource.status.latest_try) is None:
            raise untried
        ready = next((one for one in resource.status.conditions if one.type == "Ready"), None)
        return Submission(latest.submission_id, ready.message if ready is not None else "")
    if not isinstance(resource, TrainingJob):
        raise NoLog(f"{name} runs nothing: jobs, materializations and the runs of both have logs")
    if not (attempts := resource.status.attempts):
        raise untried
    found = next((one for one in reversed(attempts) if attempt in (None, one.number)), None)
    if found is None:
        numbers = ", ".join(str(one.number) for one in attempts)
        raise NoLog(f"{name} has no attempt {attempt}: it has {numbers}")
    if found.forgotten:
        raise NoLog(f"The log of attempt {found.number} of {name} is gone: Ray keeps those of the newest attempts")
    return Submission(found.submission_id, found.message)


async def lines(
    look: Look, *, follow: bool, away: type[Exception] | tuple[type[Exception], ...], pause: float | None = None
) -> AsyncIterator[str]:
    """The lines so far, without their ends; with `follow` also what comes, until the job has ended.

    Args:
        look: at the job.
        follow: whether to go on; else one look is all.
        away: what `look` raises while Ray does not answer: that is waited out, if something was heard before.
        pause: seconds between two looks.
    """
    said, heard = 0, None
    while True:
        try:
            seen = await look()
        except away:
            if not follow or heard is None or time.monotonic() - heard > AWAY_SECONDS:
                raise
        else:
            heard = time.monotonic()
            over = seen.ended or not follow
            # A line is told when it is whole, or when no more of it can come.
            whole = len(seen.log) if over else seen.log.rfind("\n") + 1
            for line in seen.log[said:whole].splitlines():
                yield line
            said = max(said, whole)
            if over:
                return
        await anyio.sleep(POLL_SECONDS if pause is None else pause)
