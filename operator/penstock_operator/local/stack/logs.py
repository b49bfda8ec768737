"""The logs of attempts and stagings, as Ray keeps them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import NamedTuple

from penstock.api import KINDS, StagedRun, TrainingJob
from penstock_operator.local.apiserver.errors import NotFound
from penstock_operator.local.apiserver.store import ObjectStore
from penstock_operator.ports import Rays, Unreachable

POLL_SECONDS = 0.5
AWAY_TRIES = 60
PLURALS = {kind.PLURAL: name for name, kind in KINDS.items()}


class Submission(NamedTuple):
    """A job on the Ray of an object."""

    owner: TrainingJob | StagedRun
    id: str


class RayLogs:
    """Finds the submission behind an object and follows its log."""

    def __init__(self, store: ObjectStore, rays: Rays) -> None:
        self._store = store
        self._rays = rays

    def submission(self, plural: str, namespace: str, name: str, attempt: int | None) -> Submission:
        """The submission of the newest attempt or staging, or of one attempt.

        Raises:
            NotFound: there is no such object, or nothing of it was submitted yet.
        """
        kind = PLURALS.get(plural, plural)
        obj = self._store.get(kind, namespace, name)
        if kind == "TrainingJob":
            job = TrainingJob.model_validate(obj)
            attempts = job.status.attempts
            found = [one for one in attempts if attempt in (None, one.number)]
            if found and found[-1].forgotten:
                raise NotFound(f"The log of attempt {found[-1].number} is gone: Ray keeps those of the newest attempts")
            if found:
                return Submission(job, found[-1].submission_id)
            numbers = ", ".join(str(one.number) for one in attempts) or "none"
            raise NotFound(f"TrainingJob {name!r} has no attempt {attempt or ''}: it has {numbers}")
        if kind == "StagedRun":
            staged = StagedRun.model_validate(obj)
            latest = staged.status.latest_try
            if latest is None:
                raise NotFound(f"StagedRun {name!r} has not been tried yet")
            return Submission(staged, latest.submission_id)
        raise NotFound(f"A {kind} runs nothing: TrainingJobs and StagedRuns have logs")

    async def lines(self, submission: Submission, follow: bool) -> AsyncIterator[str]:
        """The log so far; with `follow` also what comes, until the submission has ended.

        Raises:
            Unreachable: Ray does not answer, at first or for long.
            MissingSecret: the token of its Ray is not there.
        """
        ray, submission_id = await self._rays.ray_of(submission.owner), submission.id
        said, away = 0, 0
        while True:
            try:
                job = await ray.job(submission_id)
                text = await ray.logs(submission_id, lines=0)
            except Unreachable:
                away += 1
                if not said or not follow or away > AWAY_TRIES:
                    raise
                await asyncio.sleep(POLL_SECONDS)
                continue
            away = 0
            # A line is sent when it is whole, or when no more can come.
            ended = job is None or job.state.terminal
            whole = len(text) if ended or not follow else text.rfind("\n") + 1
            if whole > said:
                yield text[said:whole]
                said = whole
            if ended or not follow:
                break
            await asyncio.sleep(POLL_SECONDS)
        if said and not text.endswith("\n"):
            yield "\n"
