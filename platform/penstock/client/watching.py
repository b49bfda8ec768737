"""The part of the client that watches: re-lists when the API forgot, reconnects when the line broke."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from typing import Any

import anyio

from penstock.api import Resource
from penstock.client.errors import ApiError, Unreachable
from penstock.client.kinds import api_version, collection
from penstock.client.records import Change, ChangeType, R
from penstock.client.session import Session, typed

WATCH_SECONDS = 240
SILENCE_SECONDS = 270.0
"""A watch that says nothing for so long is opened anew: the line may be dead without a sign."""

AWAY_SECONDS = 60.0
"""How long the API may be away once a watch stands."""

RETRY_SECONDS = 0.5
EXPIRED = 410
SERVER_FAULT = 500

DocumentChange = tuple[ChangeType, dict[str, Any]]


class Watching:
    """watch."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def watch(
        self, kind: type[R], name: str | None = None, *, all_namespaces: bool = False, namespace: str | None = None
    ) -> AsyncGenerator[Change[R], None]:
        """What is (as `ADDED`), then what changes; it ends only by an error or by its reader.

        Args:
            kind: such as `TrainingJob`.
            name: only this object.
            all_namespaces: of every namespace.
            namespace: of this one.

        Raises:
            Unreachable: the API does not answer at first, or was away for a minute.

        Examples:
            >>> async for change in client.watch(TrainingJob, "digits"):  # doctest: +SKIP
            ...     print(change.type, change.resource.status.progress_text)
        """
        async with aclosing(
            self.document_changes(kind, name, None if all_namespaces else namespace or self._session.namespace)
        ) as documents:
            async for type_, document in documents:
                yield Change(type_, typed(kind, document))

    async def document_changes(
        self, kind: type[Resource], name: str | None, namespace: str | None, before: Mapping[str, Any] | None = None
    ) -> AsyncGenerator[DocumentChange, None]:
        """The changes since `before`, one object that was read before; since nothing, without it."""
        seen = {_uid(before): dict(before)} if before is not None else {}
        since: float | None = None
        listed = False
        while True:
            try:
                version, documents = await self._listing(kind, name, namespace)
                listed, since = True, None
                for change in _difference(seen, documents):
                    yield change
                seen = {_uid(document): document for document in documents}
                async with aclosing(self._changes(kind, name, namespace, version)) as changes:
                    async for type_, document in changes:
                        seen.pop(_uid(document), None)
                        if type_ != "DELETED":
                            seen[_uid(document)] = document
                        yield type_, document
            except TimeoutError:
                continue
            except (ApiError, Unreachable) as error:
                if isinstance(error, ApiError) and error.code == EXPIRED:
                    continue
                since = since or time.monotonic()
                passing = isinstance(error, Unreachable) or error.code >= SERVER_FAULT
                if not listed or not passing or time.monotonic() - since > AWAY_SECONDS:
                    raise
                await anyio.sleep(RETRY_SECONDS)

    async def _listing(
        self, kind: type[Resource], name: str | None, namespace: str | None
    ) -> tuple[str, list[dict[str, Any]]]:
        listed = await self._session.transport.document(
            "GET", collection(kind.__name__, namespace), params=_named(name)
        )
        named = {"apiVersion": api_version(kind.__name__), "kind": kind.__name__}
        return listed["metadata"]["resourceVersion"], [{**named, **found} for found in listed["items"]]

    async def _changes(
        self, kind: type[Resource], name: str | None, namespace: str | None, version: str
    ) -> AsyncGenerator[DocumentChange, None]:
        params = {**_named(name), "resourceVersion": version, "timeoutSeconds": str(WATCH_SECONDS)}
        watch = self._session.transport.changes(collection(kind.__name__, namespace), params)
        async with aclosing(watch):
            while True:
                try:
                    with anyio.fail_after(SILENCE_SECONDS):
                        type_, found = await anext(watch)
                except StopAsyncIteration:
                    return
                yield type_, found


def _difference(earlier: dict[str, dict[str, Any]], documents: list[dict[str, Any]]) -> Iterator[DocumentChange]:
    """What happened between two lists."""
    now = {_uid(document) for document in documents}
    yield from (("DELETED", document) for uid, document in earlier.items() if uid not in now)
    for document in documents:
        before = earlier.get(_uid(document))
        if before is None:
            yield "ADDED", document
        elif before["metadata"]["resourceVersion"] != document["metadata"]["resourceVersion"]:
            yield "MODIFIED", document


def _uid(document: Mapping[str, Any]) -> str:
    return str(document["metadata"]["uid"])


def _named(name: str | None) -> dict[str, str]:
    return {"fieldSelector": f"metadata.name={name}"} if name is not None else {}
