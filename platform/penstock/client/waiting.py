"""The part of the client that waits: it watches, and stops at an end instead of hanging."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing

import anyio

from penstock.api import Materialization, Resource
from penstock.api.materialization import PromotedReason
from penstock.api.meta import Condition
from penstock.client import ends
from penstock.client.errors import NotFound, WaitFailed, WaitTimeout
from penstock.client.kinds import full_name
from penstock.client.records import R
from penstock.client.session import Session, typed
from penstock.client.watching import Watching

WAIT_SECONDS = 600.0
STAGED = ends.parse("Staged")


class Waiting:
    """wait and wait_served."""

    def __init__(self, session: Session, watching: Watching) -> None:
        self._session, self._watching = session, watching

    async def wait(
        self,
        kind: type[R],
        name: str,
        awaited: str,
        timeout: float | None = WAIT_SECONDS,  # noqa: ASYNC109 - kubectl's word for it
        *,
        namespace: str | None = None,
    ) -> R | None:
        """Wait until a condition is met, or until the object is gone.

        Only conditions that speak of the spec as it now is count: right after an apply, what was said of the spec
        before does not end the wait.

        Args:
            kind: such as `TrainingJob`.
            name: of the object.
            awaited: `Succeeded` (the same as `Succeeded=True`), `Promoted=True`, …, or `delete`.
            timeout: seconds; None waits for as long as it takes.
            namespace: of the object.

        Returns:
            The object as awaited; None after `delete`.

        Raises:
            NotFound: there is no such object (but for `delete`).
            WaitFailed: the object has ended otherwise, or was deleted.
            WaitTimeout: the time is up.

        Examples:
            >>> await client.wait(TrainingJob, "digits", "Succeeded", timeout=600)  # doctest: +SKIP
            >>> await client.wait(TrainingJob, "digits", "delete")  # doctest: +SKIP
        """
        if awaited == ends.DELETE:
            await self._gone(kind, name, timeout, namespace)
            return None
        what = ends.parse(awaited)

        def done(found: R) -> bool:
            if ends.met(found, what):
                return True
            if (condition := ends.hopeless(found, what)) is not None:
                raise failed(found, condition)
            return False

        return await self._until(kind, name, done, str(what), timeout, namespace)

    async def wait_served(
        self,
        name: str,
        run: str,
        timeout: float | None = WAIT_SECONDS,  # noqa: ASYNC109
        *,
        namespace: str | None = None,
    ) -> Materialization:
        """Wait until a Materialization serves a run.

        Raises:
            NotFound: there is no such Materialization.
            WaitFailed: the run was refused or is not kept, or the Materialization was deleted.
            WaitTimeout: the time is up.

        Examples:
            >>> mat = await client.rollback("digits")  # doctest: +SKIP
            >>> await client.wait_served("digits", mat.spec.pinned_run, timeout=60)  # doctest: +SKIP
        """

        def done(mat: Materialization) -> bool:
            status = mat.status
            if status.active is not None and status.active.run == run:
                return True
            for condition in ends.fresh(mat):
                if condition.reason == PromotedReason.PINNED_RUN_UNAVAILABLE and mat.spec.pinned_run == run:
                    raise failed(mat, condition)
            refusal = ends.hopeless(mat, STAGED)
            if refusal is not None and status.latest is not None and status.latest.run == run:
                raise WaitFailed(f"Run {run} was refused ({refusal.reason}): {refusal.message}", mat, refusal)
            return False

        return await self._until(Materialization, name, done, f"run {run} served", timeout, namespace)

    async def _until(
        self,
        kind: type[R],
        name: str,
        done: Callable[[R], bool],
        what: str,
        timeout: float | None,  # noqa: ASYNC109
        namespace: str | None,
    ) -> R:
        space = namespace or self._session.namespace
        before = await self._session.document(kind.__name__, name, space)
        last = typed(kind, before)
        if done(last):
            return last
        with anyio.move_on_after(timeout):
            async with aclosing(self._watching.document_changes(kind, name, space, before)) as changes:
                async for type_, document in changes:
                    if type_ == "DELETED":
                        raise WaitFailed(f"{full_name(kind.__name__, name)} was deleted", last)
                    last = typed(kind, document)
                    if done(last):
                        return last
        raise WaitTimeout(f"{full_name(kind.__name__, name)}: {what} did not come within {timeout:g} s{_now(last)}")

    async def _gone(
        self,
        kind: type[Resource],
        name: str,
        timeout: float | None,  # noqa: ASYNC109
        namespace: str | None,
    ) -> None:
        space = namespace or self._session.namespace
        try:
            before = await self._session.document(kind.__name__, name, space)
        except NotFound:
            return
        last = typed(kind, before)
        with anyio.move_on_after(timeout):
            async with aclosing(self._watching.document_changes(kind, name, space, before)) as changes:
                async for type_, document in changes:
                    if type_ == "DELETED":
                        return
                    last = typed(kind, document)
        raise WaitTimeout(f"{full_name(kind.__name__, name)} is not gone within {timeout:g} s{_now(last)}")


def failed(resource: Resource, condition: Condition) -> WaitFailed:
    """The error of an object that has ended otherwise than awaited."""
    name = full_name(resource.kind, resource.metadata.name)
    return WaitFailed(
        f"{name}: {condition.type} is {condition.status} ({condition.reason}): {condition.message}", resource, condition
    )


def _now(resource: Resource) -> str:
    said = [f"{c.type} is {c.status} ({c.reason}): {c.message}" for c in ends.fresh(resource) if c.status != "True"]
    return f"; {said[0]}" if said else ""
