"""Access by the Kubernetes API's reviews, whose answers are cached: few reviews, and answers while the API is away."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import time
from collections.abc import Callable, Coroutine, Hashable, Sequence
from typing import Any, Generic, Literal, TypeVar

import structlog

from penstock.gateway.auth.access import Caller, Key
from penstock.gateway.auth.cache import Cache
from penstock.gateway.auth.reviews import SUBRESOURCE, VERB, ReviewFailed, Reviews, grant
from penstock.gateway.errors import Unavailable
from penstock.gateway.once import Once

ALLOWED_SECONDS, DENIED_SECONDS = 60.0, 10.0
"""How long an answer is not asked for again; so long may what was revoked still be answered."""
GRACE_SECONDS = 600.0
"""How long a yes stands in while the API is away."""
AWAY_SECONDS = 1.0
"""After a review that failed, so long none is tried."""
TOKENS, DECISIONS = 4096, 16_384
REVIEWERS, WAITING = 16, 256
TOKEN_BYTES = 16_384

log = structlog.get_logger()
V = TypeVar("V")


class ReviewCache(Generic[V]):
    """Answers to reviews, yes apart from no: who asks with many bad tokens drives out no good one."""

    def __init__(self, most: int) -> None:
        self.yes: Cache[Hashable, V] = Cache(most)
        self.no: Cache[Hashable, V] = Cache(most)

    def fresh(self, key: Hashable, now: float) -> V | None:
        """The answer that still holds; None where there is none."""
        found = self.yes.fresh(key, now)
        return found if found is not None else self.no.fresh(key, now)

    def keep(self, key: Hashable, answer: V, now: float, seconds_left: float) -> None:
        """Keep a new answer in place of the old; none for longer than its token has left."""
        if answer:
            self.yes.put(key, answer, now + min(ALLOWED_SECONDS, seconds_left), now + min(GRACE_SECONDS, seconds_left))
            return
        until = now + min(DENIED_SECONDS, seconds_left)
        self.no.put(key, answer, until, until)
        self.yes.drop(key)


class TokenReviewAccess:
    """Who bears a token is what TokenReview says; what they may query, what SubjectAccessReview says."""

    def __init__(self, reviews: Reviews, clock: Callable[[], float] = time.monotonic) -> None:
        self._reviews = reviews
        self._clock = clock
        self._callers: ReviewCache[Caller | Literal[False]] = ReviewCache(TOKENS)
        self._decisions: ReviewCache[bool] = ReviewCache(DECISIONS)
        self._asking: Once[Hashable, Any] = Once()
        self._reviewers = asyncio.Semaphore(REVIEWERS)
        self._waiting = 0
        self._away_until = float("-inf")

    async def caller(self, token: str) -> Caller | None:
        """Who bears the token; see `Access`."""
        if len(token) > TOKEN_BYTES:
            return None
        # The token itself is not kept.
        key = hashlib.sha256(token.encode()).digest()

        async def review() -> Caller | Literal[False]:
            return await self._reviews.caller(token) or False

        return await self._answer(self._callers, key, review, _seconds_left(token)) or None

    async def allowed(self, caller: Caller, namespace: str, name: str) -> bool:
        """Whether the caller may query a Materialization; see `Access`."""
        key = (caller, namespace, name)
        return await self._answer(self._decisions, key, lambda: self._reviews.allowed(caller, namespace, name))

    async def visible(self, caller: Caller, keys: Sequence[Key]) -> list[Key]:
        """Those that the caller may query: asked for all at once first, then by namespace, then one by one."""
        if not keys or await self.allowed(caller, "", ""):
            return list(keys)
        whole = {namespace for namespace, _ in await self._allowed(caller, {(namespace, "") for namespace, _ in keys})}
        single = await self._allowed(caller, {key for key in keys if key[0] not in whole})
        return [key for key in keys if key[0] in whole or key in single]

    def lacking(self, caller: Caller, namespace: str, name: str) -> str:
        """The right, and the rule that grants it."""
        return (
            f"{caller.name!r} lacks {VERB} on materializations/{SUBRESOURCE} {name!r} in namespace {namespace!r}: "
            f"a Role of that namespace grants it with the rule {grant(name)}"
        )

    async def _allowed(self, caller: Caller, keys: set[Key]) -> set[Key]:
        """Those of the keys that the caller may query, a few asked for at a time."""
        found: set[Key] = set()
        todo = sorted(keys)
        for first in range(0, len(todo), REVIEWERS):
            some = todo[first : first + REVIEWERS]
            answers = await asyncio.gather(*(self.allowed(caller, *key) for key in some))
            found |= {key for key, allowed in zip(some, answers, strict=True) if allowed}
        return found

    async def _answer(
        self,
        cache: ReviewCache[V],
        key: Hashable,
        review: Callable[[], Coroutine[Any, Any, V]],
        seconds_left: float = float("inf"),
    ) -> V:
        """The answer that is kept, or a new one, or while there is none to be had an older yes.

        Raises:
            Unavailable: there is none of these.
        """
        found = cache.fresh(key, self._clock())
        if found is not None:
            return found
        why = "the Kubernetes API did not answer a moment ago"
        if self._clock() >= self._away_until:
            try:
                answer: V = await self._asking.run(key, lambda: self._review(cache, key, review, seconds_left))
            except ReviewFailed as error:
                self._away_until = self._clock() + AWAY_SECONDS
                why = str(error)
                log.warning("Review failed", error=why)
            except Unavailable as error:
                # A crowd of the unknown waits: who was known a moment ago is not sent away with them.
                why = str(error)
            else:
                return answer
        found = cache.yes.usable(key, self._clock())
        if found is None:
            raise Unavailable(f"It cannot be found out who may ask: {why}")
        return found

    async def _review(
        self, cache: ReviewCache[V], key: Hashable, review: Callable[[], Coroutine[Any, Any, V]], seconds_left: float
    ) -> V:
        if self._waiting >= WAITING:
            raise Unavailable("too many callers wait to be known")
        self._waiting += 1
        try:
            async with self._reviewers:
                answer = await review()
        finally:
            self._waiting -= 1
        cache.keep(key, answer, self._clock(), seconds_left)
        return answer


def _seconds_left(token: str) -> float:
    """Until the token ends, where it says so (RFC 7519); what it says is checked by the review."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return max(float(claims["exp"]) - time.time(), 0.0)
    except (IndexError, KeyError, TypeError, ValueError, OverflowError, RecursionError):
        return float("inf")
