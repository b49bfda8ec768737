"""The part of the client that changes what is there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import anyio

from penstock.api import Resource, TrainingJob
from penstock.api.trainingjob import RERUN_ANNOTATION
from penstock.client.errors import Conflict
from penstock.client.kinds import needs_suspend
from penstock.client.records import R
from penstock.client.session import Session, typed
from penstock.client.waiting import WAIT_SECONDS, Waiting

CONFLICT_TRIES = 8
CONFLICT_SECONDS = 0.05


class Writing:
    """patch, delete, and the small changes of a spec."""

    def __init__(self, session: Session, waiting: Waiting) -> None:
        self._session, self._waiting = session, waiting

    async def patch(self, kind: type[R], name: str, patch: Mapping[str, Any], *, namespace: str | None = None) -> R:
        """Change an object by a merge patch (RFC 7386).

        Raises:
            NotFound: there is none of this name.
            Invalid: the new spec is refused.
            Conflict: the patch names a `metadata.resourceVersion` that is not the newest.

        Examples:
            >>> await client.patch(TrainingJob, "digits", {"spec": {"historyLimit": 3}})  # doctest: +SKIP
        """
        return await self._session.merge(kind, name, patch, namespace)

    async def delete(
        self,
        kind: type[Resource],
        name: str,
        *,
        wait: bool = True,
        timeout: float | None = WAIT_SECONDS,  # noqa: ASYNC109 - kubectl's word for it
        namespace: str | None = None,
    ) -> None:
        """Delete an object, and wait until its finalizers are through.

        Raises:
            NotFound: there is none of this name.
            NotPossible: it is a run that is served, or that a rollback goes back to.
            WaitTimeout: it is not gone in time.

        Examples:
            >>> await client.delete(TrainingJob, "digits")  # doctest: +SKIP
        """
        await self._session.delete(kind.__name__, name, namespace)
        if wait:
            await self._waiting.wait(kind, name, "delete", timeout, namespace=namespace)

    async def delete_document(self, document: Mapping[str, Any]) -> None:
        """Delete the object that a document names, and do not wait.

        Raises:
            NotFound: there is none of this name.
            NotPossible: it is a run that is served, or that a rollback goes back to.

        Examples:
            >>> await client.delete_document({"kind": "Secret", "metadata": {"name": "key"}})  # doctest: +SKIP
        """
        meta = document["metadata"]
        await self._session.delete(str(document["kind"]), str(meta["name"]), meta.get("namespace"))

    async def suspend(self, kind: type[R], name: str, *, namespace: str | None = None) -> R:
        """Set `spec.suspend`.

        Raises:
            NotPossible: the kind cannot be suspended.
            NotFound: there is none of this name.

        Examples:
            >>> await client.suspend(TrainingJob, "digits")  # doctest: +SKIP
        """
        needs_suspend(kind, name)
        return await self._session.merge(kind, name, {"spec": {"suspend": True}}, namespace)

    async def resume(self, kind: type[R], name: str, *, namespace: str | None = None) -> R:
        """Unset `spec.suspend`.

        Raises:
            NotPossible: the kind cannot be suspended.
            NotFound: there is none of this name.

        Examples:
            >>> await client.resume(TrainingJob, "digits")  # doctest: +SKIP
        """
        needs_suspend(kind, name)
        return await self._session.merge(kind, name, {"spec": {"suspend": False}}, namespace)

    async def rerun(self, name: str, *, namespace: str | None = None) -> TrainingJob:
        """Run a TrainingJob once more with the same spec: annotate it with a token that it has not answered.

        Raises:
            NotFound: there is none of this name.

        Examples:
            >>> await client.rerun("digits")  # doctest: +SKIP
            >>> await client.wait(TrainingJob, "digits", "Succeeded")  # doctest: +SKIP
        """
        annotations = {RERUN_ANNOTATION: datetime.now(UTC).isoformat(timespec="microseconds")}
        return await self._session.merge(TrainingJob, name, {"metadata": {"annotations": annotations}}, namespace)

    async def decide(
        self, kind: type[R], name: str, decide: Callable[[R], Awaitable[dict[str, Any]]], namespace: str | None
    ) -> R:
        """Read, decide on a change of the spec, and write it if nothing changed in between; else read again."""
        for attempt in range(CONFLICT_TRIES):
            found = typed(kind, await self._session.document(kind.__name__, name, namespace))
            patch = {"metadata": {"resourceVersion": found.metadata.resource_version}, "spec": await decide(found)}
            try:
                return await self._session.merge(kind, name, patch, namespace)
            except Conflict:
                if attempt == CONFLICT_TRIES - 1:
                    raise
                await anyio.sleep(CONFLICT_SECONDS * 2**attempt)
        raise AssertionError("unreachable")
