"""The open watches, as they are heard: an API that is well says something, were it a bookmark, every half a minute."""

from __future__ import annotations

import time
from collections.abc import Collection

import aiohttp

from penstock_operator.kubernetes.kinds import PLACES

EXPECTED = ""
"""In place of the path of a watch that nobody has opened yet."""


class Streams:
    """How long ago the API last said anything on the watches of each kind.

    It counts the bytes that come, not the events: kopf keeps bookmarks to itself.
    """

    def __init__(self, kinds: Collection[str]) -> None:
        self._places = {kind: PLACES[kind] for kind in kinds}
        self._streams: dict[str, dict[str, _Stream]] = {}

    async def follow(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Listen in on an answer, where it is a watch; a middleware of aiohttp's."""
        response = await handler(request)
        kind = self._kind(request.url.path) if request.url.query.get("watch") == "true" else None
        if kind is not None and response.ok:
            streams = self._streams.setdefault(kind, {})
            streams.pop(EXPECTED, None)
            streams[request.url.path] = _Stream(response.content)
        return response

    def expect(self, kind: str) -> None:
        """Count from now at the latest: the API has this kind, so that it should be watched."""
        if kind not in self._streams:
            self._streams[kind] = {EXPECTED: _Stream(None)}

    def forget(self, kind: str) -> None:
        """Count no more: the API has no such kind."""
        self._streams.pop(kind, None)

    def listen(self) -> None:
        """Note which watches have brought something since the last time; call it every second or so."""
        for streams in [*self._streams.values()]:
            for stream in [*streams.values()]:
                stream.listen()

    def silent(self) -> dict[str, float]:
        """The seconds since the last word on the watch that is silent for longest, by kind."""
        self.listen()
        now = time.monotonic()
        return {
            kind: max(now - stream.heard_at for stream in [*streams.values()])
            for kind, streams in [*self._streams.items()]
        }

    def _kind(self, path: str) -> str | None:
        for kind, place in self._places.items():
            root = place.path(None).removesuffix(place.plural)
            if root in path and path.endswith(f"/{place.plural}"):
                return kind
        return None


class _Stream:
    """What comes of one watch."""

    def __init__(self, content: aiohttp.StreamReader | None) -> None:
        self._content = content
        self._bytes = content.total_bytes if content is not None else 0
        self.heard_at = time.monotonic()

    def listen(self) -> None:
        if self._content is not None and self._content.total_bytes != self._bytes:
            self._bytes, self.heard_at = self._content.total_bytes, time.monotonic()
