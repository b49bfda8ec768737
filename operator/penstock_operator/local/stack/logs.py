"""The logs of the local stack's jobs: Ray is asked by the operator's own way."""

from __future__ import annotations

from collections.abc import AsyncIterator

from penstock import joblogs
from penstock.api import KINDS, StagedRun, TrainingJob
from penstock.joblogs import NoLog, Seen
from penstock_operator.local.apiserver.errors import NotFound
from penstock_operator.local.apiserver.store import ObjectStore
from penstock_operator.ports import Rays, Unreachable


class RayLogs:
    """Reads the log of what an object ran."""

    def __init__(self, store: ObjectStore, rays: Rays) -> None:
        self._store, self._rays = store, rays

    async def lines(
        self, kind: str, namespace: str, name: str, attempt: int | None, follow: bool
    ) -> AsyncIterator[str]:
        """The lines so far; with `follow` also what comes, until the job has ended.

        Raises:
            NotFound: there is no such object, or it has no log.
            Unreachable: Ray does not answer, at first or for long.
            MissingSecret: the token of its Ray is not there.
        """
        resource = KINDS[kind].model_validate(self._store.get(kind, namespace, name))
        try:
            submission = joblogs.submission(resource, attempt)
        except NoLog as error:
            raise NotFound(str(error)) from error
        assert isinstance(resource, TrainingJob | StagedRun)
        ray = await self._rays.ray_of(resource)

        async def look() -> Seen:
            job = await ray.job(submission.id)
            return Seen(await ray.logs(submission.id, lines=0), job is None or job.state.terminal)

        async for line in joblogs.lines(look, follow=follow, away=Unreachable):
            yield line
