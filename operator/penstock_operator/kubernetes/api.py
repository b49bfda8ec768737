"""The Kubernetes REST API, as far as the operator calls it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Self

import msgspec

from penstock.kubeapi.context import Context
from penstock_operator.kubernetes import listing
from penstock_operator.kubernetes.connection import Answer, Connection
from penstock_operator.kubernetes.kinds import PLACES
from penstock_operator.loop.key import Key
from penstock_operator.ports import ClusterUnreachable, Conflict, Invalid, Missing, Object, Refused

FIELD_MANAGER = "penstock-operator"
PAGE = 500
AT_ONCE = 32
"""Calls side by side; the others wait their turn, and their time-out begins with it."""
METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
HEADERS = {
    "Accept": "application/json",
    "Content-Type": "application/json",
    # The API server would spend on compression what a network inside a cluster does not need.
    "Accept-Encoding": "identity",
}
PATIENCE = (401, 408, 410, 429)
"""Answers below 500 after which the same call may succeed later."""
INVALID = (400, 413, 422)
"""Answers that the same call will have again; a 403 ends with a quota, or a right that is given."""

Fence = Callable[[], None]
"""Raises when nothing may be written any more."""


class Api:
    """Reads and writes objects as they are on the wire.

    Every call raises ClusterUnreachable when the API does not answer or asks for patience, Refused when it says no
    (Invalid: for good), and a write raises Conflict when the object changed since it was read, or is gone.
    """

    def __init__(self, context: Context, fence: Fence = lambda: None) -> None:
        self._connection, self._fence = Connection(context), fence
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def __aenter__(self) -> Self:
        """The client itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self._connection.close()

    async def get(self, kind: str, namespace: str, name: str) -> Object | None:
        """The object, or None where there is none."""
        answer = await self._call("GET", PLACES[kind].path(namespace, name))
        return None if answer.status == 404 else _body(answer)

    async def select(self, kind: str, namespace: str, selector: str) -> list[Object]:
        """The objects of a namespace with these labels."""
        return [obj async for page in self.pages(kind, namespace, selector=selector) for obj in page]

    async def pages(self, kind: str, namespace: str | None, *, selector: str = "") -> AsyncIterator[list[Object]]:
        """The objects of a kind, of one namespace or of all, some hundreds at a time.

        A kind that the API does not know has no objects.
        """
        named = {"apiVersion": PLACES[kind].api_version, "kind": kind}
        async for answer in self._pages(kind, namespace, {"labelSelector": selector} if selector else {}, None):
            yield [{**item, **named} for item in _body(answer)["items"] or ()]

    async def versions(self, kind: str, namespace: str | None) -> AsyncIterator[dict[Key, listing.Seen]]:
        """The versions of the objects of a kind, as `pages` has them; far cheaper to read.

        Raises:
            Missing: the API does not know the kind.
        """
        known = False
        async for answer in self._pages(kind, namespace, {}, {"Accept": METADATA_ONLY}):
            known = True
            yield listing.versions(kind, answer.body)
        if not known:
            raise Missing(f"The API has no kind {kind}")

    async def _pages(
        self, kind: str, namespace: str | None, params: Mapping[str, str], headers: Mapping[str, str] | None
    ) -> AsyncIterator[Answer]:
        token: str | None = ""
        while token is not None:
            asked = {"limit": str(PAGE), **params, **({"continue": token} if token else {})}
            answer = await self._call("GET", PLACES[kind].path(namespace), params=asked, headers=headers)
            if answer.status == 404:
                return
            _check(answer)
            yield answer
            token = listing.following(answer.body)

    async def create(self, obj: Object) -> Object:
        """Create an object; a field that its schema does not have is refused, not dropped.

        Raises:
            Conflict: there is one of this name.
            Missing: the namespace or the kind is not there.
        """
        path = PLACES[obj["kind"]].path(obj["metadata"]["namespace"])
        params = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"}
        answer = await self._call("POST", path, params=params, body=obj)
        if answer.status == 404:
            raise Missing(f"There is no {obj['kind']} here: {_message(answer)}")
        return _written(answer)

    async def replace(self, obj: Object, subresource: str = "") -> Object:
        """Replace an object, or one of its subresources, as it was read."""
        meta = obj["metadata"]
        path = PLACES[obj["kind"]].path(meta["namespace"], meta["name"], *filter(None, [subresource]))
        return _written(await self._call("PUT", path, params={"fieldManager": FIELD_MANAGER}, body=obj))

    async def merge(self, obj: Object, patch: Mapping[str, Any]) -> Object:
        """Merge a patch into an object."""
        meta = obj["metadata"]
        return _written(
            await self._call(
                "PATCH",
                PLACES[obj["kind"]].path(meta["namespace"], meta["name"]),
                params={"fieldManager": FIELD_MANAGER},
                body=patch,
                headers={"Content-Type": "application/merge-patch+json"},
            )
        )

    async def delete(
        self, kind: str, namespace: str, name: str, uid: str | None = None, *, foreground: bool = False
    ) -> None:
        """Delete an object and what it owns, before it or after; one that is gone is fine."""
        policy = {"propagationPolicy": "Foreground" if foreground else "Background"}
        options = {**policy, **({"preconditions": {"uid": uid}} if uid else {})}
        answer = await self._call("DELETE", PLACES[kind].path(namespace, name), body=options)
        if answer.status not in (404, 409):
            _written(answer)

    async def _call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        data = None if body is None else _encoded(body)
        async with self._turns:
            if method != "GET":
                self._fence()
            return await self._connection.exchange(method, path, data, params or {}, {**HEADERS, **(headers or {})})


def _encoded(body: object) -> bytes:
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError:
        # Half a letter, as a log may hold: escaped, it is for the API to replace.
        return json.dumps(body).encode()


def _written(answer: Answer) -> Object:
    if answer.status in (404, 409):
        raise Conflict(_message(answer))
    return _body(answer)


def _body(answer: Answer) -> Object:
    _check(answer)
    body: Object = msgspec.json.decode(answer.body)
    return body


def _check(answer: Answer) -> None:
    if answer.status < 300:
        return
    message = f"The Kubernetes API answered {answer.status}: {_message(answer)}"
    if answer.status in PATIENCE or answer.status >= 500:
        raise ClusterUnreachable(message)
    raise (Invalid if answer.status in INVALID else Refused)(message)


def _message(answer: Answer) -> str:
    try:
        return str(msgspec.json.decode(answer.body)["message"])
    except (ValueError, KeyError, TypeError):
        return answer.body[:1024].decode(errors="replace")
